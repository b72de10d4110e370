"""Rows landed per second through the loader, against one insert statement for each row.

The rows are replies of the sandbox to the readings of some stories, over and over with other story ids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields
from itertools import cycle, islice
from typing import Any

import plain
import psycopg
import requests
from figures import Figure
from psycopg.types.json import Jsonb
from stage import START, Bench, connected_accounts, ingest, sandbox_stack, settings_of, timed

from storykeep.landing.loader import land
from storykeep.landing.rows import StoryInsight
from storykeep.local.stack import LocalStack
from storykeep.settings import GraphSettings

ROWS, QUICK_ROWS = 100_000, 10_000
CHUNK_ROWS = 5_000
PLAIN_SHARE = 50
ACCOUNTS = 40
TIMEOUT_SECONDS = 60

Payload = dict[str, Any]


def measure(bench: Bench) -> Iterator[Figure]:
    """Land rows in transactions of 5,000, and a fiftieth of as many one by one."""
    size = QUICK_ROWS if bench.quick else ROWS
    with sandbox_stack(accounts=ACCOUNTS) as stack, ingest(settings_of(stack)) as conn:
        replies = _replies(stack)
        rows = _rows(replies, 0, size)
        with bench.step(f"{size:,} rows through the loader"):
            loaded = size / timed(lambda: _load(conn, rows))
        more = _rows(replies, size, size // PLAIN_SHARE)
        with bench.step(f"{len(more):,} rows, a statement each"):
            inserted = len(more) / timed(lambda: _insert(conn, more))
        (found,) = conn.execute("select count(*) from raw.story_insights").fetchone() or (0,)
    if found != size + len(more):
        raise RuntimeError(f"{found:,} rows are there and not {size + len(more):,}")
    yield Figure("raw rows landed through the loader", loaded, "rows/s", at_least=20_000)
    yield Figure("against one insert statement per row, in one transaction", loaded / inserted, "times")


def _replies(stack: LocalStack) -> list[tuple[str, Payload]]:
    """Group and payload of each reply to one reading of every live story that the API answers in full."""
    api = settings_of(stack).graph("facebook")
    with requests.Session() as session:
        return [
            (call.params["metric"].partition(",")[0], reply)
            for account in connected_accounts(stack, "facebook")
            for story in _get(session, api, plain.listing(api, account))["data"]
            for call in plain.reading(api, account, story["id"])
            if "data" in (reply := _get(session, api, call))
        ]


def _get(session: requests.Session, api: GraphSettings, call: plain.Call) -> Payload:
    headers = {"Authorization": f"Bearer {call.token}"}
    reply = session.get(f"{api.base_url}/{call.path}", params=call.params, headers=headers, timeout=TIMEOUT_SECONDS)
    return dict(reply.json())


def _rows(replies: Sequence[tuple[str, Payload]], first: int, size: int) -> list[StoryInsight]:
    return [
        StoryInsight(str(number), "acc_bench", group, START, "bench", "v26.0", "ok", payload, f"{number:064x}")
        for number, (group, payload) in enumerate(islice(cycle(replies), size), first)
    ]


def _load(conn: psycopg.Connection, rows: Sequence[StoryInsight]) -> None:
    for first in range(0, len(rows), CHUNK_ROWS):
        with conn.transaction():
            land(conn, rows[first : first + CHUNK_ROWS])


def _insert(conn: psycopg.Connection, rows: Sequence[StoryInsight]) -> None:
    columns = ", ".join(field.name for field in fields(StoryInsight))
    marks = ", ".join(["%s"] * len(fields(StoryInsight)))
    statement = f"insert into raw.story_insights ({columns}) values ({marks}) on conflict do nothing"  # noqa: S608 (ours)
    with conn.transaction():
        for row in rows:
            conn.execute(statement, [Jsonb(cell) if isinstance(cell, dict) else cell for cell in astuple(row)])
