"""Keeps how often accounts were to be listed, so that the coverage of a day goes by the setting of that day."""

from datetime import datetime, timedelta

import psycopg


def keep(conn: psycopg.Connection, list_every: timedelta, now: datetime) -> None:
    """Write `list_every` down if it is another than before `now`."""
    conn.execute(
        """
        insert into app.listing_cadences (since, seconds)
        select %(now)s, %(seconds)s
        where %(seconds)s is distinct from (
            select seconds from app.listing_cadences where since <= %(now)s order by since desc limit 1
        )
        on conflict (since) do nothing
        """,
        {"now": now, "seconds": int(list_every.total_seconds())},
    )
