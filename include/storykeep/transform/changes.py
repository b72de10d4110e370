"""Which rows of a large mart may differ from the built ones: those of the keys that changed since they were equal.

Triggers on the built and on the standing table write every changed key down, in the transaction that changes it and
whoever does. A table that was made anew, rewritten or given a column is told by its file and by its number of columns,
those dropped included: then, or when a trigger is missing, nothing is known and everything has to be compared.
"""

from dataclasses import dataclass
from itertools import product

import psycopg
from psycopg import sql

from storykeep.transform.tables import Table, compose

SCHEMAS = ("build", "marts")
# Postgres lets a trigger see the changed rows of one event only, and of an update those before apart from those after.
EVENTS = (("insert", "new"), ("update", "old"), ("update", "new"), ("delete", "old"))
TRIGGERS = len(SCHEMAS) * len(EVENTS)

RECORD = (
    "drop table if exists intermediate.watched_marts, intermediate.changes",
    """
    create table intermediate.watched_marts (
        mart text primary key,
        built text not null,
        standing text not null
    )
    """,
    """
    create table intermediate.changes (
        mart text not null,
        key text not null,
        primary key (mart, key)
    )
    """,
    # As its owner, since not everybody who may change a mart may write here.
    """
    create or replace function intermediate.note_changes() returns trigger
    language plpgsql security definer set search_path = pg_catalog as $$
    begin
        execute format(
            'insert into intermediate.changes (mart, key) select distinct %L, %I from changed'
            ' on conflict do nothing',
            tg_table_name, tg_argv[0]
        );
        return null;
    end $$
    """,
)


@dataclass(frozen=True)
class Changes:
    """The record of one mart, in which all rows with one value of the text column `key` count as one."""

    mart: str
    key: str

    def hold(self, conn: psycopg.Connection) -> None:
        """Let nobody else change either table until the transaction ends: a change unseen would be forgotten.

        Makes the tables of the record; when either is missing, both anew.
        """
        records = conn.execute(
            "select to_regclass('intermediate.watched_marts') is not null"
            " and to_regclass('intermediate.changes') is not null"
        )
        if records.fetchone() != (True,):
            for statement in RECORD:
                conn.execute(statement)
        for schema in SCHEMAS:
            conn.execute(
                compose("lock table {schema}.{mart} in share row exclusive mode", schema=schema, mart=self.mart)
            )

    def are_known(self, conn: psycopg.Connection, standing: Table, built: Table) -> bool:
        """Whether the two tables were equal once, and every change of either has been written down since."""
        if (standing.types, standing.key) != (built.types, built.key):
            return False
        then = conn.execute("select built, standing from intermediate.watched_marts where mart = %s", [self.mart])
        return then.fetchone() == self._states(conn) and self._triggers(conn) == TRIGGERS

    def among(self, conn: psycopg.Connection) -> sql.Composed:
        """The condition that a row belongs to a changed key, for a query over one table that has the column."""
        # Lest the planner reads whole tables for a few rows.
        conn.execute("analyze intermediate.changes")
        return sql.SQL("{} in (select key from intermediate.changes where mart = {})").format(
            sql.Identifier(self.key), self.mart
        )

    def forget(self, conn: psycopg.Connection) -> None:
        """Note that the two tables are equal now, and have every change from here on written down."""
        if self._triggers(conn) < TRIGGERS:
            self._watch(conn)
        conn.execute("delete from intermediate.changes where mart = %s", [self.mart])
        conn.execute("delete from intermediate.watched_marts where mart = %s", [self.mart])
        conn.execute("insert into intermediate.watched_marts values (%s, %s, %s)", [self.mart, *self._states(conn)])

    def _watch(self, conn: psycopg.Connection) -> None:
        for schema, (event, rows) in product(SCHEMAS, EVENTS):
            watching = (
                f"create or replace trigger {{name}} after {event} on {{schema}}.{{mart}}"
                f" referencing {rows} table as changed for each statement"
                " execute function intermediate.note_changes({key})"
            )
            names = {"name": f"note_{event}_{rows}", "schema": schema, "mart": self.mart, "key": self.key}
            conn.execute(sql.SQL(watching).format(**{part: sql.Identifier(name) for part, name in names.items()}))

    def _states(self, conn: psycopg.Connection) -> tuple[str, ...]:
        """What tells the built and the standing table from others and from what they were before."""
        states = conn.execute(
            """
            select pg_relation_filenode(oid) || ', ' || relnatts
            from unnest(%s::regclass[]) with ordinality as tables (oid, place)
            join pg_class using (oid)
            order by place
            """,
            [self._tables],
        )
        return tuple(state for (state,) in states)

    def _triggers(self, conn: psycopg.Connection) -> int:
        return conn.execute(
            """
            select
            from pg_trigger
            where
                tgrelid = any(%s::regclass[])
                and tgfoid = to_regproc('intermediate.note_changes')
                and tgenabled = 'O'
            """,
            [self._tables],
        ).rowcount

    @property
    def _tables(self) -> list[str]:
        return [f"{schema}.{self.mart}" for schema in SCHEMAS]
