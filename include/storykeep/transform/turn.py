"""Builds, checks and publications take turns: they share the tables of schema `build`."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from storykeep.settings import Settings
from storykeep.warehouse import connect

# Any number of our own.
LOCK = 5_700_002


@contextmanager
def turn(settings: Settings) -> Iterator[psycopg.Connection]:
    """Wait until nobody else builds, checks or publishes; the turn lasts until the block or the connection ends."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        # Without an open transaction, so that a long build does not hold back vacuum.
        conn.autocommit = True
        conn.execute("select pg_advisory_lock(%s)", [LOCK])
        yield conn
        # Closing the connection frees it as well, but only once the server notices.
        conn.execute("select pg_advisory_unlock(%s)", [LOCK])
