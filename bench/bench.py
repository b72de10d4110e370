"""`make bench`: what a tick costs, against the usual loop of one call after another, in the same run.

A tick over 1,000 facebook accounts is timed against a sandbox that answers 100 ms late; the usual loop is timed on 50
of the accounts and scaled. Both read the same stories and the same metric groups. Then rows are landed as fast as they
go.
Absolute times are this machine's; the ratios are what to compare.
"""

import argparse
import csv
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import requests
from rich.console import Console
from rich.table import Table

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock
from storykeep.graph.client import open_clients
from storykeep.graph.endpoints import STORY_FIELDS
from storykeep.graph.metrics import STORY_GROUPS
from storykeep.landing.loader import land
from storykeep.landing.rows import StoryInsight
from storykeep.local.demo import TICK
from storykeep.local.stack import LocalStack
from storykeep.migrations.upgrade import upgrade
from storykeep.warehouse import connect

ACCOUNTS = 1_000
LOOP_ACCOUNTS = 50
LATENCY_MS = 100
ROWS = 100_000
CHUNK_ROWS = 5_000
NOW = datetime(2026, 11, 5, 20, tzinfo=UTC)

console = Console()


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    target: str


def main() -> None:
    """Measure and print; with --json also write the figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    to_file = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder) / "bench", tick=TICK, say=print) as stack:
        stack.start_afresh()
        # About half of the accounts of a world are of the facebook flavour.
        stack.start_sandbox(accounts=2 * ACCOUNTS + 20, seed=1, start=NOW, history_days=30, latency_ms=LATENCY_MS)
        upgrade(stack.settings)
        figures = list(_measure(stack))
    table = Table("figure", "measured", "to reach")
    for figure in figures:
        table.add_row(figure.what, f"{figure.value:,.1f} {figure.unit}", figure.target)
    console.print(table)
    if to_file:
        to_file.write_text(json.dumps([vars(figure) for figure in figures], indent=2))


def _measure(stack: LocalStack) -> Iterator[Figure]:
    accounts = _facebook_accounts(stack)
    with connect(stack.settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        import_accounts(conn, Vault(stack.settings.token_keys), _csv(accounts), NOW)
        before = _requests(stack)
        tick = _timed(lambda: _tick(stack))
        sent = _requests(stack) - before
        (stories,) = conn.execute("select count(*) from app.story_clock").fetchone() or (0,)
        resources = ACCOUNTS + stories * len(STORY_GROUPS)
        loop = _timed(lambda: _usual_loop(stack, accounts[:LOOP_ACCOUNTS])) * ACCOUNTS / LOOP_ACCOUNTS
        landing = _timed(lambda: _land_rows(conn))
    yield Figure(f"tick over {ACCOUNTS:,} accounts, {stories:,} stories, {LATENCY_MS} ms latency", tick, "s", "")
    yield Figure("the usual loop, scaled, against that tick", loop / tick, "times", "50 times or more")
    yield Figure("one request per resource against the requests of that tick", resources / sent, "times", "30 or more")
    yield Figure("rows landed", ROWS / landing, "rows/s", "20,000 rows/s or more")


def _tick(stack: LocalStack) -> None:
    """One tick in its shards, side by side, as the DAG runs it."""
    with ThreadPoolExecutor(stack.settings.shards) as side_by_side:
        list(side_by_side.map(lambda shard: _capture(stack, shard), range(stack.settings.shards)))


def _capture(stack: LocalStack, shard: int) -> None:
    settings = stack.settings
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        clients, clock = open_clients(settings), fixed_clock(NOW)
        capture(conn, settings, clients, clock, f"bench-{shard}", shard=shard, shards=settings.shards)


def _facebook_accounts(stack: LocalStack) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(stack.ask_sandbox("accounts.csv").text))
    return [row for row in rows if row["login_flavour"] == "facebook" and row["access_token"]][:ACCOUNTS]


def _csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _requests(stack: LocalStack) -> int:
    calls = stack.ask_sandbox("log").json()["calls"]
    return sum(call["requests"] for call in calls)


def _usual_loop(stack: LocalStack, accounts: list[dict[str, str]]) -> None:
    """What most pollers do: one request for each resource, one after another."""
    api = stack.settings.graph("facebook")
    with requests.Session() as session:
        for account in accounts:
            session.headers["Authorization"] = f"Bearer {account['access_token']}"
            listed = session.get(
                f"{api.base_url}/{api.version}/{account['ig_user_id']}/stories", params={"fields": STORY_FIELDS}
            ).json()
            for story in listed.get("data", []):
                for group in STORY_GROUPS:
                    params = {"metric": ",".join(group.metrics)}
                    if group.breakdown:
                        params["breakdown"] = group.breakdown
                    session.get(f"{api.base_url}/{api.version}/{story['id']}/insights", params=params)


def _land_rows(conn: psycopg.Connection) -> None:
    payload: dict[str, object] = {"data": [{"name": "views", "period": "lifetime", "values": [{"value": 412}]}]}
    for first in range(0, ROWS, CHUNK_ROWS):
        rows = [
            StoryInsight(str(number), "acc_bench", "core", NOW, "bench", "v26.0", "ok", payload, f"{number:064x}")
            for number in range(first, first + CHUNK_ROWS)
        ]
        with conn.transaction():
            land(conn, rows)


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
