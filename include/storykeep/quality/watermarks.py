"""How far the landing checkpoint has come: the last landing id, by raw table, of the last build that was published."""

from collections.abc import Mapping

import psycopg


def read(conn: psycopg.Connection) -> dict[str, int]:
    """The last checked landing id by raw table; empty before the first published build."""
    if conn.execute("select to_regclass('intermediate.landing_watermarks')").fetchone() == (None,):
        return {}
    return dict(conn.execute("select table_name, landing_id from intermediate.landing_watermarks").fetchall())


def move(conn: psycopg.Connection, landed: Mapping[str, int]) -> None:
    """Move the watermarks to `landed`, in the transaction that publishes what the rows came to. Never backwards."""
    conn.execute(
        """
        create table if not exists intermediate.landing_watermarks (
            table_name text primary key,
            landing_id bigint not null
        )
        """
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            insert into intermediate.landing_watermarks (table_name, landing_id) values (%s, %s)
            on conflict (table_name) do update
            set landing_id = greatest(landing_watermarks.landing_id, excluded.landing_id)
            """,
            list(landed.items()),
        )
