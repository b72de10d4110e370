"""Lands what was spooled while the warehouse was away, oldest run first."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psycopg

from storykeep.accounts.connections import Held, held
from storykeep.accounts.registry import Connection
from storykeep.accounts.states import State
from storykeep.capture import notices
from storykeep.capture.outage import spool
from storykeep.capture.outage.memory import NO_VERSION
from storykeep.capture.outage.relive import Past
from storykeep.capture.outage.spooled import NO_TOKEN, Record
from storykeep.capture.tick import Tick
from storykeep.clock import fixed_clock
from storykeep.landing import runs
from storykeep.landing.runs import Run
from storykeep.warehouse import first_line, is_outage, is_passing

log = logging.getLogger(__name__)

# Held by the one shard that drains, which does so for all.
LOCK = 5_701_944_028


def drain(tick: Tick, place: Path, until: datetime) -> list[Path]:
    """Land what waits in the spool and remove it; returns the files that stay since something is wrong with them.

    Everything has the keys and times of when it came, so that what is landed twice lands once. No run is begun at
    `until` or later: the next tick goes on. Raises psycopg.Error when Postgres goes away.
    """
    damaged: list[Path] = []
    with _alone(tick.conn) as is_mine:
        everybody = {one.account_id: one for one in held(tick.conn)} if is_mine else {}
        for paths in spool.by_run(place) if is_mine else ():
            if tick.clock() >= until:
                break
            try:
                _drain_run(tick, paths, everybody, damaged)
            except psycopg.Error as error:
                if is_outage(error):
                    raise
                log.warning("what waits in the spool is left to the next tick: %s", first_line(error))
                break
    return damaged


def _drain_run(tick: Tick, paths: Sequence[Path], everybody: Mapping[str, Held], damaged: list[Path]) -> None:
    """Land what came of one run. Its files go together, as a page of a listing lands upon those before it."""
    past: Past | None = None
    landed: dict[Path, datetime] = {}
    for path in paths:
        try:
            record = spool.read(path)
            past = past or _past(tick, record)
            _land(past, record, everybody)
            landed[path] = record.at
        except Exception as error:  # one file that nobody can read must not stop the others, or capture
            if isinstance(error, psycopg.Error) and is_passing(error):
                raise
            damaged.append(_set_aside(path, error))
    if past is not None and landed:
        past.tick.connections = {one.account_id: _connection(one, NO_VERSION) for one in everybody.values()}
        notices.keep_refused(past.tick)
        runs.write_later(tick.conn, "capture", past.tick.run, max(landed.values()))
        tick.run.counts["drained"] += past.tick.run.counts["calls"]
    damaged += [path for path in landed if not _is_removed(path)]


def _past(tick: Tick, record: Record) -> Past:
    return Past(
        Tick(
            conn=tick.conn,
            clients={},
            clock=fixed_clock(record.at),
            run=Run(record.run_id, record.clock_at),
            connections={},
            memory=tick.memory,
        )
    )


def _land(past: Past, record: Record, everybody: Mapping[str, Held]) -> None:
    concerned = {*record.unlisted, *(answer.key.account_id for answer in record.answers)}
    past.tick.connections = {
        account_id: _connection(everybody[account_id], record.token_versions.get(account_id, NO_VERSION))
        for account_id in concerned & everybody.keys()
        if _may_be_kept(everybody[account_id], record.at)
    }
    past.land(record)
    past.tick.run.counts["calls"] += len(record.answers)


def _may_be_kept(one: Held, at: datetime) -> bool:
    """Whether its creator had not said goodbye when the answers came, and has not asked since that nothing be kept."""
    return one.state is not State.PURGED and not (one.state is State.DISCONNECTED and one.status_since <= at)


def _connection(one: Held, token_version: int) -> Connection:
    """The connection as it was when it was asked with: a verdict over an old token touches no newer one."""
    return Connection(
        one.account_id,
        one.ig_user_id,
        one.username,
        one.login_flavour,
        NO_TOKEN,
        b"",
        token_version,
        one.status,
        can_read_insights=True,
    )


def _set_aside(path: Path, error: Exception) -> Path:
    """Take a file out of the way, if that is possible; returns what it is called now."""
    try:
        aside = spool.set_aside(path)
    except OSError as trouble:
        log.error("%s: can neither be landed (%s) nor set aside (%s)", path, error, trouble)
        return path
    log.error("%s: set aside, since it cannot be landed: %s", aside, error)
    return aside


def _is_removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        log.error("%s: has landed, but cannot be removed: %s", path, error)
        return False
    return True


@contextmanager
def _alone(conn: psycopg.Connection) -> Iterator[bool]:
    (is_mine,) = conn.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() or (False,)
    try:
        yield bool(is_mine)
    finally:
        if is_mine:
            with suppress(psycopg.Error):  # when Postgres is what failed, the first error is the one to show
                conn.execute("select pg_advisory_unlock(%s)", [LOCK])
