"""Reads the profiles of accounts: their names and counts."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storykeep.capture.asks import key_of
from storykeep.content import clocks
from storykeep.content.run import ContentKey, ContentRun
from storykeep.graph import endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import GraphError, UnreadableError
from storykeep.landing import payload
from storykeep.landing.loader import land
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import AccountProfile, Row


def read_profiles(run: ContentRun, account_ids: Sequence[str]) -> None:
    """Read the profiles of these accounts. Each chunk is committed before the next is sent."""
    asks = []
    for account_id in account_ids:
        one = run.connections[account_id]
        key = ContentKey(account_id, subject="profile")
        asks.append(endpoints.profile(one.ig_user_id, one.token, one.login_flavour, key=key))
    for answers in run.answers(([ask] for ask in asks), deque[Sequence[Ask]]()):
        _land_profiles(run, answers)


def _land_profiles(run: ContentRun, answers: Sequence[Answer]) -> None:
    done: dict[str, datetime | None] = {}

    def gather() -> list[Row]:
        rows: list[Row] = []
        for answer in answers:
            error = _take_profile(run, answer, rows)
            done[key_of(answer.ask).account_id] = None if error else run.now
            if error:
                run.settle(answer.ask, error)
        return rows

    def commit(rows: list[Row]) -> None:
        run.run.counts["rows"] += sum(land(run.conn, rows).values())
        clocks.asked(run.conn, "profile", done, run.now)
        run.keep_pools(answers)

    run.land(answers, gather, commit)
    run.run.counts["profiles"] += sum(at is not None for at in done.values())


def _take_profile(run: ContentRun, answer: Answer, rows: list[Row]) -> GraphError | None:
    if answer.error is not None:
        rows += run.unreadable(answer, "profile")
        return answer.error
    try:
        content = payload.scrub(_node(answer.raw))
    except UnlandableError as reason:
        rows.append(run.dead_letter(answer.ask, "profile", str(reason), answer.raw))
        return UnreadableError(str(reason), raw=answer.raw)
    rows.append(
        AccountProfile(
            account_id=key_of(answer.ask).account_id,
            captured_at=run.clock(),
            run_id=run.run.run_id,
            api_version=answer.api_version,
            payload=content,
            content_hash=payload.content_hash(content),
        )
    )
    return None


def _node(raw: bytes) -> dict[str, Any]:
    body = payload.decode(raw)
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        raise UnlandableError("the reply is no account with an id")
    if fault := payload.fault(body):
        raise UnlandableError(fault)
    return body
