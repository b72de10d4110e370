"""What a warehouse holds, as numbers to compare: for each table its row count and a hash of its content."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from pydantic import BaseModel

# A row's text has to be the same whatever a server or a login is set to; and no row policy may hide a row.
SETTINGS = """
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local row_security = off;
set local statement_timeout = 0
"""
EQUAL = "equal"


class Proof(BaseModel, frozen=True):
    """One table: how many rows, and the sum of 64 bits of each row's sha256, which no order of rows changes."""

    rows: int
    hash: str


@dataclass(frozen=True)
class Compared:
    """One table after a restore; `proof` is `equal` or says what differs."""

    table: str
    rows: int
    proof: str


def prove(conn: psycopg.Connection) -> dict[str, Proof]:
    """The proof of every table of the database by its name, a partitioned table as one.

    Postgres reads each table once and holds no more than a row of it. Needs an open transaction, and sees what that
    transaction sees.
    """
    conn.execute(SETTINGS)
    return {f"{schema}.{name}": _prove_table(conn, schema, name) for schema, name in _tables(conn)}


def compare(told: Mapping[str, Proof], found: Mapping[str, Proof]) -> list[Compared]:
    """Each table of either side, in the order of their names."""
    return [_compare_table(table, told.get(table), found.get(table)) for table in sorted({*told, *found})]


def _compare_table(table: str, told: Proof | None, found: Proof | None) -> Compared:
    rows = found.rows if found else 0
    if told == found:
        return Compared(table, rows, EQUAL)
    if told is None or found is None:
        return Compared(table, rows, "is missing" if told else "is not in the dump")
    return Compared(table, rows, f"had {told.rows} rows" if told.rows != rows else "has other content")


def _tables(conn: psycopg.Connection) -> list[tuple[str, str]]:
    return conn.execute(
        """
        select nspname, relname
        from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        where relkind in ('r', 'p') and not relispartition and relpersistence <> 't'
            and nspname not in ('pg_catalog', 'information_schema')
            and not exists (
                select from pg_depend
                where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e'
            )
        order by nspname, relname
        """
    ).fetchall()


def _prove_table(conn: psycopg.Connection, schema: str, name: str) -> Proof:
    query = sql.SQL(
        """
        select
            count(*),
            coalesce(sum(('x' || left(encode(sha256(convert_to((r.*)::text, 'UTF8')), 'hex'), 16))::bit(64)::bigint), 0)
        from {} as r
        """
    ).format(sql.Identifier(schema, name))
    (found,) = conn.execute(query).fetchall()
    return Proof(rows=found[0], hash=str(found[1]))
