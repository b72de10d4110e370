"""Brings the tables that BI reads to the rows that dbt has just built, in one transaction.

The standing tables of `marts` are never replaced: grants and row policies stay on them, and a reader sees the
rows before or the rows after, never a mixture. Nobody sees a new one before its policies are on it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import psycopg
from psycopg import sql

from storykeep.errors import StorykeepError
from storykeep.quality import approval, watermarks
from storykeep.quality.changes import LARGE, Changes
from storykeep.settings import Settings
from storykeep.transform import policies, publications
from storykeep.transform.tables import Table, compose, loosen, read_table, tighten
from storykeep.transform.turn import turn

log = logging.getLogger(__name__)

EVERY = sql.SQL("true")
# A mart whose shape changes is needed for itself alone, and whoever comes after waits too, readers included. So one
# that somebody has been reading for long is not waited for.
LOCK_SECONDS = 10


def publish(settings: Settings, as_of: datetime, landed: Mapping[str, int]) -> dict[str, int]:
    """Wait for a build under way, then `publish_in_turn`."""
    with turn(settings) as conn:
        return publish_in_turn(conn, as_of, landed)


def publish_in_turn(conn: psycopg.Connection, as_of: datetime, landed: Mapping[str, int]) -> dict[str, int]:
    """Make `marts` equal to `build`; returns how many rows were deleted and inserted, by mart.

    `conn` holds the turn. `landed` are the watermarks of the landing check, which move together with the marts.
    Raises StorykeepError when the built tables are not those approved as of `as_of`, when one has no primary key, when
    a column cannot take on its new type, or when a mart that has to change its shape is being read all the time.
    """
    with _patient(), conn.transaction():
        conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{LOCK_SECONDS}s")))
        approval.require(conn, as_of)
        changed = {name: _publish_table(conn, name) for name in _built(conn)}
        policies.ensure(conn)
        watermarks.move(conn, landed)
        _note(conn, as_of)
        publications.note(conn, as_of, changed=any(changed.values()))
    for name, rows in changed.items():
        log.info("publish: %s: %d rows changed", name, rows)
    return changed


def published_as_of(conn: psycopg.Connection) -> datetime | None:
    """The moment that the standing tables are about; None before the first publication."""
    if conn.execute("select to_regclass('intermediate.published')").fetchone() == (None,):
        return None
    row = conn.execute("select as_of from intermediate.published").fetchone()
    return row[0] if row else None


def _note(conn: psycopg.Connection, as_of: datetime) -> None:
    conn.execute("create table if not exists intermediate.published (as_of timestamptz primary key)")
    conn.execute("delete from intermediate.published")
    conn.execute("insert into intermediate.published (as_of) values (%s)", [as_of])


@contextmanager
def _patient() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise StorykeepError(
            f"somebody has been reading for more than {LOCK_SECONDS} s what has to change its shape: {error}",
            where="publish",
            remedy="end that session (pg_stat_activity shows those that are 'idle in transaction'), then build again",
        ) from None


def _built(conn: psycopg.Connection) -> list[str]:
    rows = conn.execute(
        "select relname from pg_class where relnamespace = 'build'::regnamespace and relkind = 'r' order by relname"
    )
    return [name for (name,) in rows]


def _publish_table(conn: psycopg.Connection, name: str) -> int:
    built = read_table(conn, "build", name)
    if not built.key:
        raise StorykeepError(
            "no primary key", where=f"build.{name}", remedy="give the model a primary_key constraint in its contract"
        )
    conn.execute(compose("create table if not exists marts.{table} ()", table=name))
    if name in LARGE:
        return _publish_changes(conn, built, LARGE[name])
    return _bring(conn, built, EVERY)


def _publish_changes(conn: psycopg.Connection, built: Table, changes: Changes) -> int:
    """Compare what changed since the two tables were equal; all of them when that is not known."""
    changes.hold(conn)
    known = changes.are_known(conn)
    log.debug("publish: %s: compares %s", built.name, "what changed" if known else "all")
    rows = _bring(conn, built, changes.among if known else EVERY)
    changes.forget(conn)
    return rows


def _bring(conn: psycopg.Connection, built: Table, among: sql.Composable) -> int:
    """Give the standing table the shape of the built one, and its rows `among` it; returns how many changed."""
    standing = read_table(conn, "marts", built.name)
    if any(name not in built.columns or built.columns[name].type != one.type for name, one in standing.columns.items()):
        policies.lift(conn, built.name)  # Postgres changes no column that a policy looks at
    loosen(conn, standing, built)
    rows = _bring_rows(conn, built, among)
    tighten(conn, read_table(conn, "marts", built.name), built)
    return rows


def _bring_rows(conn: psycopg.Connection, built: Table, among: sql.Composable) -> int:
    """Delete the rows that differ, insert those that are missing; returns how many."""
    # Not `in`: Postgres hashes `not in` only as long as all keys fit into work_mem, and compares each with each beyond.
    same_key = sql.SQL(" and ").join(
        sql.SQL("standing.{0} = built.{0}").format(sql.Identifier(column)) for column in built.key
    )
    parts = {
        "table": sql.Identifier(built.name),
        "columns": sql.SQL(", ").join(map(sql.Identifier, built.columns)),
        "standing": _qualified("standing", built.columns),
        "built": _qualified("built", built.columns),
        "same_key": same_key,
        "among": among,
    }
    deleted = conn.execute(
        sql.SQL(
            """
            delete from marts.{table} as standing
            where {among} and not exists (
                select from build.{table} as built
                where {among} and {same_key} and row({standing}) is not distinct from row({built})
            )
            """
        ).format(**parts)
    )
    inserted = conn.execute(
        sql.SQL(
            """
            insert into marts.{table} ({columns})
            select {built} from build.{table} as built
            where {among} and not exists (select from marts.{table} as standing where {among} and {same_key})
            """
        ).format(**parts)
    )
    return deleted.rowcount + inserted.rowcount


def _qualified(alias: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, column) for column in columns)
