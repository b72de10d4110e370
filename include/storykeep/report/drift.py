"""The signs that Meta's replies have changed, while they are new."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

NEW_FOR = timedelta(days=7)


@dataclass(frozen=True)
class Notice:
    """Something that the API said and that is not known, or that it says no longer."""

    what: str
    api_version: str | None
    first_seen_at: datetime

    def __str__(self) -> str:
        """One line."""
        version = f"{self.api_version}, " if self.api_version else ""
        return f"{self.what} ({version}since {self.first_seen_at:%Y-%m-%d %H:%M})"


def new_notices(conn: psycopg.Connection, now: datetime) -> tuple[Notice, ...]:
    """What was first seen in the last days, newest first."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return tuple(
            cursor.execute(
                """
                select what, api_version, first_seen_at from app.schema_notices
                where first_seen_at > %s and first_seen_at <= %s order by first_seen_at desc, what
                """,
                [now - NEW_FOR, now],
            )
        )
