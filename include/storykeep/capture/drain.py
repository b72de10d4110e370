"""Lands what was spooled while the warehouse was away, oldest first."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg

from storykeep.accounts.connections import held
from storykeep.accounts.registry import Connection
from storykeep.accounts.states import State
from storykeep.capture import notices, spool
from storykeep.capture.away import mark_of
from storykeep.capture.relive import Past
from storykeep.capture.spooled import NO_TOKEN, Record
from storykeep.capture.tick import Tick
from storykeep.clock import fixed_clock
from storykeep.landing import runs
from storykeep.landing.runs import Run
from storykeep.warehouse import is_outage

log = logging.getLogger(__name__)

# Held by the one shard that drains, which does so for all.
LOCK = 5_701_944_028


def drain(tick: Tick, place: Path) -> list[Path]:
    """Land every record of the spool and remove it; returns the files that could not be landed and were set aside.

    Each record is one transaction, with the keys and times of when it came, so that one which is landed twice lands
    once. What there is no time for waits for the next tick. Raises psycopg.Error when Postgres goes away.
    """
    with _alone(tick.conn) as is_mine:
        if not is_mine:
            return []
        everybody = _connections(tick.conn)
        pasts: dict[str, Past] = {}
        damaged = []
        for path in spool.files(place):
            if tick.is_over():
                break
            try:
                tick.run.counts["drained"] += _land(tick, spool.read(path), pasts, everybody)
                path.unlink()
            except Exception as error:  # one file that nobody can read must not stop the others, or capture
                if isinstance(error, psycopg.Error) and is_outage(error):
                    raise
                damaged.append(spool.set_aside(path))
                log.error("%s: set aside, since it cannot be landed: %s", damaged[-1], error)
        for past in pasts.values():
            past.tick.connections = everybody
            notices.keep_refused(past.tick)
    return damaged


def _land(tick: Tick, record: Record, pasts: dict[str, Past], everybody: Mapping[str, Connection]) -> int:
    """Land a record; returns how many answers it had."""
    if record.run_id not in pasts:
        pasts[record.run_id] = Past(
            Tick(
                conn=tick.conn,
                clients={},
                clock=fixed_clock(record.at),
                run=Run(record.run_id, record.clock_at),
                connections={},
                memory=tick.memory,
            )
        )
    past = pasts[record.run_id]
    past.tick.connections = {
        account_id: _as_asked(everybody[account_id], record.tokens.get(account_id))
        for account_id in {*record.unlisted, *(answer.key.account_id for answer in record.answers)}
        if account_id in everybody
    }
    past.tick.run.counts["calls"] += len(record.answers)
    past.land(record)
    runs.write_later(tick.conn, "capture", past.tick.run, record.at)
    return len(record.answers)


def _connections(conn: psycopg.Connection) -> dict[str, Connection]:
    """Whose answers may be kept: everybody who is known, except those whose every trace was to go."""
    return {
        one.account_id: Connection(
            one.account_id,
            one.ig_user_id,
            one.username,
            one.login_flavour,
            NO_TOKEN,
            one.token_encrypted or b"",
            one.status,
            can_read_insights=True,
        )
        for one in held(conn)
        if one.state is not State.PURGED
    }


def _as_asked(connection: Connection, mark: str | None) -> Connection:
    """The connection as it was when it was asked with: a verdict over an old token touches no newer one."""
    is_same = mark_of(connection.token_encrypted) == mark
    return connection if is_same else replace(connection, token_encrypted=b"")


@contextmanager
def _alone(conn: psycopg.Connection) -> Iterator[bool]:
    (is_mine,) = conn.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() or (False,)
    try:
        yield bool(is_mine)
    finally:
        if is_mine:
            with suppress(psycopg.Error):  # when Postgres is what failed, the first error is the one to show
                conn.execute("select pg_advisory_unlock(%s)", [LOCK])
