"""The same raw rows in other warehouses: rebuilt from nothing, and landed anew in another order."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from random import Random

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from soaking.checks import Check
from storykeep.landing.loader import land
from storykeep.landing.rows import DeadLetter, MediaFile, Row, Story, StoryInsight, StoryListing
from storykeep.settings import PostgresSettings, Settings
from storykeep.transform import dbt
from storykeep.warehouse import connect

KINDS: tuple[type[Row], ...] = (StoryListing, Story, StoryInsight, MediaFile, DeadLetter)
LARGEST_CHUNK = 2_000
# One chunk in so many is landed a second time.
AGAIN_ONE_IN = 10
# What the keys of the largest marts ought to be; of the others what they say.
GRAINS = {
    "fct_capture_coverage": ["account_id", "date"],
    "fct_stories": ["story_id"],
    "fct_story_readings": ["story_id", "captured_at"],
}


@dataclass(frozen=True)
class Copies:
    """Makes copies of a warehouse on its own server, and holds what is built of them against its marts."""

    settings: Settings
    superuser: PostgresSettings
    as_of: datetime

    def rebuilt(self) -> list[Check]:
        """One build of everything, from the raw rows as they lie there."""
        copy = self._copy("rebuilt")
        with connect(copy.warehouse, "storykeep_transform") as conn:
            conn.execute("drop table intermediate.last_build")
        dbt.build(copy, self.as_of)
        return self._compare(copy, "a rebuild from raw")

    def landed_again(self, seed: int) -> list[Check]:
        """All raw rows landed in another order, some of them twice, and built in two parts."""
        copy, rng = self._copy(f"landed_{seed}"), Random(f"order {seed}")
        owner = replace(self.superuser, database=copy.warehouse.database)
        with connect(owner) as conn:
            for kind in KINDS:
                conn.execute(sql.SQL("truncate {}").format(sql.Identifier("raw", kind.table)))
            conn.execute("drop table intermediate.last_build")
        with connect(self.settings.warehouse, "storykeep_ingest") as source:
            chunks = self._shuffled(source, rng)
            half = sum(_count(source, "raw", kind.table) for kind in KINDS) // 2
            self._land(copy, rng, chunks, half)
            dbt.build(copy, self.as_of)
            self._land(copy, rng, chunks)
        dbt.build(copy, self.as_of)
        return self._compare(copy, f"landing order {seed}")

    def _copy(self, name: str) -> Settings:
        """A copy of the whole warehouse, which only one to which nobody is connected can be copied."""
        database = f"{self.settings.warehouse.database}_{name}"
        parts = {"copy": sql.Identifier(database), "source": sql.Identifier(self.settings.warehouse.database)}
        with connect(self.superuser) as conn:
            conn.autocommit = True
            # Past builds keep connections in their pools.
            conn.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                [self.settings.warehouse.database],
            )
            conn.execute(sql.SQL("create database {copy} template {source} strategy file_copy").format(**parts))
            # A copy has everything of its template but the rights on the database itself.
            conn.execute(
                "update pg_database set datacl = source.datacl from pg_database as source"
                " where source.datname = %s and pg_database.datname = %s",
                [self.settings.warehouse.database, database],
            )
        connections = {
            name: replace(one, schema=database) if name.startswith("warehouse") else one
            for name, one in self.settings.connections.items()
        }
        work_dir = self.settings.work_dir / name
        work_dir.mkdir()
        return replace(self.settings, connections=connections, work_dir=work_dir)

    def _shuffled(self, source: psycopg.Connection, rng: Random) -> Iterator[list[Row]]:
        """Every raw row once, table by table in turn, in an order that has nothing to do with time."""
        cursors = [_cursor(source, kind, rng.random()) for kind in KINDS]
        while cursors:
            cursor = rng.choice(cursors)
            rows = cursor.fetchmany(rng.randint(1, LARGEST_CHUNK))
            if rows:
                yield rows
            else:
                cursors.remove(cursor)

    def _land(self, copy: Settings, rng: Random, chunks: Iterator[list[Row]], most: int | None = None) -> None:
        """Land chunks until so many rows have been, or all."""
        landed = 0
        with connect(copy.warehouse, "storykeep_ingest") as conn:
            conn.execute("set synchronous_commit to off")
            for rows in chunks:
                for _ in range(1 + (rng.randrange(AGAIN_ONE_IN) == 0)):
                    with conn.transaction():
                        land(conn, rng.sample(rows, len(rows)))
                landed += len(rows)
                if most is not None and landed >= most:
                    return

    def _compare(self, copy: Settings, what: str) -> list[Check]:
        """The marts as they stand against what was built in the copy, row by row."""
        counts, wrong = 0, []
        with (
            connect(self.settings.warehouse, "storykeep_transform") as ours,
            connect(copy.warehouse, "storykeep_transform") as theirs,
        ):
            for mart in marts(ours):
                columns = _columns(ours, mart)
                here, there = _rows(ours, "marts", mart, columns), _rows(theirs, "build", mart, columns)
                counts += here.total()
                wrong += [f"{mart}, only in the marts: {row}" for row in (here - there).elements()]
                wrong += [f"{mart}, only in the copy: {row}" for row in (there - here).elements()]
        return [Check(f"marts equal those of {what}", counts, tuple(wrong))]


def duplicates(conn: psycopg.Connection) -> Check:
    """That no mart has two rows of one key: counted, whatever is declared."""
    counts, wrong = 0, []
    for mart in marts(conn):
        columns = GRAINS.get(mart) or _key(conn, mart)
        parts = {"key": sql.SQL(", ").join(map(sql.Identifier, columns)), "mart": sql.Identifier("marts", mart)}
        query = sql.SQL("select {key}, count(*) from {mart} group by {key} having count(*) > 1").format(**parts)
        wrong += [f"{mart}: {' '.join(map(str, row))} times" for row in conn.execute(query).fetchall()]
        counts += _count(conn, "marts", mart)
    return Check("no mart has a row twice", counts, tuple(wrong))


def marts(conn: psycopg.Connection) -> list[str]:
    """The tables that BI reads."""
    rows = conn.execute("select tablename from pg_tables where schemaname = 'marts' order by 1").fetchall()
    return [name for (name,) in rows]


def _key(conn: psycopg.Connection, mart: str) -> list[str]:
    rows = conn.execute(
        """
        select attname from pg_index
        join pg_attribute on attrelid = indrelid and attnum = any(indkey)
        where indisprimary and indrelid = %s::regclass
        """,
        [f"marts.{mart}"],
    )
    return [name for (name,) in rows]


def _columns(conn: psycopg.Connection, mart: str) -> list[str]:
    rows = conn.execute(
        "select column_name from information_schema.columns where table_schema = 'marts' and table_name = %s", [mart]
    )
    return [name for (name,) in rows]


def _rows(conn: psycopg.Connection, schema: str, table: str, columns: list[str]) -> Counter[str]:
    query = sql.SQL("select row({columns})::text from {table}").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)), table=sql.Identifier(schema, table)
    )
    return Counter(row for (row,) in conn.execute(query))


def _count(conn: psycopg.Connection, schema: str, table: str) -> int:
    row = conn.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))).fetchone()
    return row[0] if row else 0


def _cursor(conn: psycopg.Connection, kind: type[Row], seed: float) -> psycopg.ServerCursor[Row]:
    """All rows of a raw table in an order that the seed alone decides."""
    query = sql.SQL("select {columns} from {table} order by md5(landing_id::text || {seed})").format(
        columns=sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(kind)),
        table=sql.Identifier("raw", kind.table),
        seed=sql.Literal(str(seed)),
    )
    cursor = psycopg.ServerCursor(conn, f"shuffled_{kind.table}", row_factory=class_row(kind))
    cursor.execute(query)
    return cursor
