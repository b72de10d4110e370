"""Loads rows into schema raw: COPY into a loading table, then insert what is not there yet."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from storykeep.landing.rows import Row
from storykeep.landing.tombstones import without_purged

# Every landing transaction holds this lock while it inserts. So landing ids become visible in their order (an
# incremental build that remembers the highest one misses no slow transaction), and key order cannot deadlock.
LANDING_LOCK = 5_701_944_026


def land(conn: psycopg.Connection, rows: Iterable[Row]) -> dict[str, int]:
    """Insert `rows` in the caller's transaction and return how many were new, by table.

    A row whose natural key is there already is left as it is, so landing twice is landing once. Rows of a story that
    was purged are refused.
    """
    rows = list(rows)
    if not rows:
        return {}
    conn.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
    by_table: dict[type[Row], list[Row]] = defaultdict(list)
    for row in without_purged(conn, rows):
        by_table[type(row)].append(row)
    return {kind.table: _land_table(conn, kind, of_kind) for kind, of_kind in by_table.items()}


def _land_table(conn: psycopg.Connection, kind: type[Row], rows: Sequence[Row]) -> int:
    if kind.partitioned:
        for day in sorted({row.captured_at.astimezone(UTC).date() for row in rows}):
            conn.execute("select raw.ensure_partition(%s, %s)", [kind.table, day])
    names = [field.name for field in fields(kind)]
    parts = {
        "table": sql.Identifier("raw", kind.table),
        "loading": sql.Identifier(f"loading_{kind.table}"),
        "columns": sql.SQL(", ").join(map(sql.Identifier, names)),
        "key": sql.SQL(", ").join(map(sql.Identifier, kind.key)),
    }
    conn.execute(
        sql.SQL("create temporary table if not exists {loading} as select {columns} from {table} with no data").format(
            **parts
        )
    )
    with conn.cursor() as cursor:
        # Not "on commit delete rows": that empties every loading table of the session at every commit, used or not.
        cursor.execute(sql.SQL("truncate {loading}").format(**parts))
        with cursor.copy(sql.SQL("copy {loading} ({columns}) from stdin").format(**parts)) as copy:
            for row in rows:
                copy.write_row([_adapted(getattr(row, name)) for name in names])
        cursor.execute(
            sql.SQL(
                "insert into {table} ({columns}) select distinct on ({key}) {columns} from {loading} order by {key}"
                " on conflict do nothing"
            ).format(**parts)
        )
        return cursor.rowcount


def _adapted(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict) else value
