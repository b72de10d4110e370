"""Brings the tables that BI reads to the rows that dbt has just built, in one transaction.

The standing tables of `marts` are never replaced: grants and row policies stay on them, and a reader sees the
rows before or the rows after, never a mixture.
"""

import logging
from collections.abc import Mapping

import psycopg

from storykeep.errors import StorykeepError
from storykeep.quality import watermarks
from storykeep.settings import Settings
from storykeep.transform.tables import Table, compose, loosen, read_table, tighten
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

# Any number of our own: publications wait for each other on it.
LOCK = 5_700_001


def publish(settings: Settings, landed: Mapping[str, int] | None = None) -> dict[str, int]:
    """Make `marts` equal to `build`; returns how many rows were deleted and inserted, by mart.

    `landed` are the watermarks of the landing check, which move together with the marts. Only one publication runs
    at a time. Raises StorykeepError when a built table has no primary key, or a column cannot take on its new type.
    """
    with connect(settings.warehouse, "storykeep_transform") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        changed = {name: _publish_table(conn, name) for name in _built(conn)}
        watermarks.move(conn, landed or {})
    for name, rows in changed.items():
        log.info("publish: %s: %d rows changed", name, rows)
    return changed


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
    loosen(conn, read_table(conn, "marts", name), built)
    rows = _bring_rows(conn, built)
    tighten(conn, read_table(conn, "marts", name), built)
    return rows


def _bring_rows(conn: psycopg.Connection, built: Table) -> int:
    """Delete the rows that differ, insert those that are missing; returns how many."""
    parts: dict[str, str | tuple[str, ...]] = {"table": built.name, "key": built.key, "columns": tuple(built.columns)}
    deleted = conn.execute(
        compose(
            """
            delete from marts.{table}
            where ({key}) in (
                select {key} from (select {columns} from marts.{table} except select {columns} from build.{table}) as t
            )
            """,
            **parts,
        )
    )
    inserted = conn.execute(
        compose(
            """
            insert into marts.{table} ({columns})
            select {columns} from build.{table}
            where ({key}) not in (select {key} from marts.{table})
            """,
            **parts,
        )
    )
    return deleted.rowcount + inserted.rowcount
