"""Compares a mart, row by row and by its key, with what the same mart is in another schema."""

import psycopg
from psycopg import sql

from storykeep.transform.tables import Table, read_table

EXAMPLES = 5


def differences(conn: psycopg.Connection, mart: str, schema: str) -> str:
    """Say how `marts.<mart>` differs from `<schema>.<mart>`, with up to five keys; empty when it does not."""
    standing, rebuilt = read_table(conn, "marts", mart), read_table(conn, schema, mart)
    if _shape(standing) != _shape(rebuilt):
        return f"{mart}: its columns differ"
    found = conn.execute(_query(rebuilt, schema)).fetchall()
    told = [f"{rows} {kind} (such as {', '.join(keys)})" for kind, rows, keys in found]
    return f"{mart}: {'; '.join(told)}" if told else ""


def _shape(table: Table) -> dict[str, str]:
    return {name: column.type for name, column in table.columns.items()}


def _query(table: Table, schema: str) -> sql.Composed:
    """How many rows are on one side only or differ, and the keys of the first."""
    return sql.SQL(
        """
        with pairs as (
            select
                {key} as key,
                case
                    when standing.{first} is null then 'rows are missing'
                    when rebuilt.{first} is null then 'rows are there in vain'
                    when row({standing}) is distinct from row({rebuilt}) then 'rows differ'
                end as kind
            from marts.{table} as standing
            full join {schema}.{table} as rebuilt on {same_key}
        )

        select kind, count(*), (array_agg(key order by key))[:{examples}]
        from pairs
        where kind is not null
        group by kind
        order by kind
        """
    ).format(
        key=sql.SQL(" || ' ' || ").join(
            sql.SQL("coalesce(standing.{0}, rebuilt.{0})::text").format(sql.Identifier(column)) for column in table.key
        ),
        first=sql.Identifier(table.key[0]),
        standing=_qualified("standing", table),
        rebuilt=_qualified("rebuilt", table),
        table=sql.Identifier(table.name),
        schema=sql.Identifier(schema),
        same_key=sql.SQL(" and ").join(
            sql.SQL("standing.{0} = rebuilt.{0}").format(sql.Identifier(column)) for column in table.key
        ),
        examples=sql.Literal(EXAMPLES),
    )


def _qualified(alias: str, table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, column) for column in table.columns)
