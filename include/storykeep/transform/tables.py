"""The shape of a mart: how it is read, and how a standing table takes on the shape of a built one."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from storykeep.errors import StorykeepError


@dataclass(frozen=True)
class Column:
    """One column: `type` as Postgres writes it, `comment` for the people who read the mart."""

    name: str
    type: str
    is_required: bool
    comment: str | None


@dataclass(frozen=True)
class Table:
    """One table: its columns by name, in order, and the columns of its primary key (none when it has no key)."""

    name: str
    columns: dict[str, Column]
    key: tuple[str, ...]
    comment: str | None


def compose(statement: LiteralString, **names: str | tuple[str, ...]) -> sql.Composed:
    """Put names into a statement as quoted identifiers, a tuple of them as a list."""
    return sql.SQL(statement).format(
        **{
            part: sql.Identifier(name) if isinstance(name, str) else sql.SQL(", ").join(map(sql.Identifier, name))
            for part, name in names.items()
        }
    )


def read_table(conn: psycopg.Connection, schema: str, name: str) -> Table:
    """Read the shape of a table that is there."""
    path = f'"{schema}"."{name}"'
    with conn.cursor(row_factory=class_row(Column)) as cursor:
        columns = cursor.execute(
            """
            select
                attname as name,
                format_type(atttypid, atttypmod) as type,
                attnotnull as is_required,
                col_description(attrelid, attnum) as comment
            from pg_attribute
            where attrelid = %s::regclass and attnum > 0 and not attisdropped
            order by attnum
            """,
            [path],
        ).fetchall()
    key = conn.execute(
        """
        select attname
        from pg_constraint
        cross join lateral unnest(conkey) with ordinality as keys (number, place)
        join pg_attribute on attrelid = conrelid and attnum = number
        where conrelid = %s::regclass and contype = 'p'
        order by place
        """,
        [path],
    ).fetchall()
    described = conn.execute("select obj_description(%s::regclass, 'pg_class')", [path]).fetchone()
    return Table(
        name,
        columns={column.name: column for column in columns},
        key=tuple(column for (column,) in key),
        comment=described[0] if described else None,
    )


def loosen(conn: psycopg.Connection, standing: Table, built: Table) -> None:
    """Make the standing mart able to hold the built rows. Raises StorykeepError when a type cannot change."""
    if standing.key and standing.key != built.key:
        _drop_key(conn, standing.name)
    for name, column in standing.columns.items():
        new = built.columns.get(name)
        if new is None:
            conn.execute(compose("alter table marts.{table} drop column {column}", table=built.name, column=name))
            continue
        if new.type != column.type:
            _change_type(conn, built.name, new)
        if column.is_required and not new.is_required:
            conn.execute(
                compose("alter table marts.{table} alter {column} drop not null", table=built.name, column=name)
            )
    for name, column in built.columns.items():
        if name not in standing.columns:
            adding = compose("alter table marts.{table} add column {column} ", table=built.name, column=name)
            conn.execute(adding + _type(column))


def tighten(conn: psycopg.Connection, standing: Table, built: Table) -> None:
    """Now that the rows are the built ones, take on the built table's key, required columns and descriptions."""
    if standing.key != built.key:
        conn.execute(compose("alter table marts.{table} add primary key ({key})", table=built.name, key=built.key))
    if standing.comment != built.comment:
        conn.execute(compose("comment on table marts.{table} is ", table=built.name) + sql.Literal(built.comment))
    for name, column in built.columns.items():
        if column.is_required and not standing.columns[name].is_required:
            conn.execute(
                compose("alter table marts.{table} alter {column} set not null", table=built.name, column=name)
            )
        if column.comment != standing.columns[name].comment:
            commenting = compose("comment on column marts.{table}.{column} is ", table=built.name, column=name)
            conn.execute(commenting + sql.Literal(column.comment))


def _drop_key(conn: psycopg.Connection, name: str) -> None:
    row = conn.execute(
        "select conname from pg_constraint where conrelid = %s::regclass and contype = 'p'", [f'"marts"."{name}"']
    ).fetchone()
    if row:
        conn.execute(compose("alter table marts.{table} drop constraint {key}", table=name, key=row[0]))


def _change_type(conn: psycopg.Connection, name: str, column: Column) -> None:
    changing = compose("alter table marts.{table} alter {column} type ", table=name, column=column.name)
    casting = compose(" using {column}::", column=column.name)
    try:
        conn.execute(changing + _type(column) + casting + _type(column))
    except psycopg.Error as error:
        raise StorykeepError(
            str(error).splitlines()[0],
            where=f"marts.{name}.{column.name}",
            remedy=f"what is published does not fit {column.type}: drop this column of the mart, then build again",
        ) from None


def _type(column: Column) -> sql.SQL:
    # No literal of ours, but Postgres's own spelling of the type.
    return sql.SQL(column.type)
