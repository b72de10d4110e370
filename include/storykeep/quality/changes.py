"""Which rows of a large mart may differ from the built ones: those of the keys that changed since they were equal.

Triggers on the built and on the standing table write every changed key down, in the transaction that changes it and
whoever does. A table that was made anew, rewritten or altered is told by its file and by its numbers of columns and of
dropped ones, a trigger that was off for a while by the transaction that last changed it. Then, or when a trigger is
missing, nothing is known and everything has to be checked and compared.
"""

from dataclasses import dataclass
from itertools import product

import psycopg
from psycopg import sql

SCHEMAS = ("build", "marts")
# Postgres lets a trigger see the changed rows of one event only, and of an update those before apart from those after.
EVENTS = (("insert", "new"), ("update", "old"), ("update", "new"), ("delete", "old"))
TRIGGERS = len(SCHEMAS) * len(EVENTS)

RECORDS = (
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
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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

    def are_known(self, conn: psycopg.Connection) -> bool:
        """Whether the built and the standing table were equal once, and every change of either is written down since.

        The built rows were approved then, too.
        """
        if not _are_kept(conn):
            return False
        then = conn.execute("select built, standing from intermediate.watched_marts where mart = %s", [self.mart])
        return then.fetchone() == self._states(conn) and self._triggers(conn) == TRIGGERS

    @property
    def among(self) -> sql.Composed:
        """The condition that a row belongs to a changed key, on a table that has the column."""
        # An array and no join: it is looked up in the table's key, where the planner would now and then rather join
        # two whole tables first.
        return sql.SQL("{} = any(array(select key from intermediate.changes where mart = {}))").format(
            sql.Identifier(self.key), self.mart
        )

    def hold(self, conn: psycopg.Connection) -> None:
        """Let nobody else change either table until the transaction ends: a change unseen would be forgotten."""
        if not _are_kept(conn):
            for statement in RECORDS:
                conn.execute(statement)
        for schema in SCHEMAS:
            table = sql.Identifier(schema, self.mart)
            conn.execute(sql.SQL("lock table {} in share row exclusive mode").format(table))

    def forget(self, conn: psycopg.Connection) -> None:
        """Note that the two tables, on `hold`, are equal now, and have every change from here on written down."""
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
            select
                concat_ws(
                    ', ', pg_relation_filenode(attrelid), count(*), count(*) filter (where attisdropped),
                    (select string_agg(watch.xmin::text, ' ' order by tgname) from pg_trigger as watch
                    where tgrelid = attrelid)
                )
            from unnest(%s::text[]) with ordinality as tables (name, place)
            join pg_attribute on attrelid = to_regclass(name) and attnum > 0
            group by attrelid, place
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
                tgrelid in (select to_regclass(name) from unnest(%s::text[]) as tables (name))
                and tgfoid = to_regproc('intermediate.note_changes')
                and tgenabled = 'O'
            """,
            [self._tables],
        ).rowcount

    @property
    def _tables(self) -> list[str]:
        return [f"{schema}.{self.mart}" for schema in SCHEMAS]


# The marts that grow with the history.
LARGE = {
    "fct_audience": Changes("fct_audience", "account_id"),
    **{mart: Changes(mart, "story_id") for mart in ("fct_stories", "fct_story_readings")},
}


def _are_kept(conn: psycopg.Connection) -> bool:
    """Whether both tables of the record are there. One alone is worth nothing: both are made anew then."""
    row = conn.execute(
        "select to_regclass('intermediate.watched_marts') is not null"
        " and to_regclass('intermediate.changes') is not null"
    ).fetchone()
    return row == (True,)
