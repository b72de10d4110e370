"""Which build passed the release checkpoint: the one row of `intermediate.release`, absent while none has."""

from datetime import datetime

import psycopg

from storykeep.errors import StorykeepError
from storykeep.settings import Settings
from storykeep.warehouse import connect


def withdraw(settings: Settings) -> None:
    """Take the approval back, at once and for good: the built tables are about to change or to be checked again."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        _ensure_table(conn)
        conn.execute("delete from intermediate.release")


def approve(settings: Settings, as_of: datetime) -> None:
    """Write down that the built tables, as they are at `as_of`, passed the release checkpoint."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        _ensure_table(conn)
        conn.execute("delete from intermediate.release")
        conn.execute("insert into intermediate.release (as_of) values (%s)", [as_of])


def require(conn: psycopg.Connection, as_of: datetime) -> None:
    """Raise StorykeepError unless the built tables are those that were approved as of `as_of`."""
    _ensure_table(conn)
    row = conn.execute("select as_of from intermediate.release").fetchone()
    if row == (as_of,):
        return
    found = f"those of {row[0].isoformat()}" if row else "not checked"
    raise StorykeepError(
        f"nothing was published: the tables in schema build are {found}",
        where=f"publication of {as_of.isoformat()}",
        remedy="build again, from the landing checkpoint on",
    )


def _ensure_table(conn: psycopg.Connection) -> None:
    conn.execute("create table if not exists intermediate.release (as_of timestamptz primary key)")
