"""Drops the old days of the two large raw tables; what the marts need of them stays in raw.*_kept and listing_days."""

from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg.rows import class_row

from storykeep.errors import StorykeepError

# Capture looks two days back, and a story's last numbers come in a day after it was posted.
NEWEST_DAYS = 3


@dataclass(frozen=True)
class Partition:
    """One day, in UTC, of one table of schema raw."""

    table: str
    day: date


@dataclass(frozen=True)
class Retired:
    """How many rows a partition had, and how many it left behind."""

    dropped: int
    kept: int


def old_partitions(conn: psycopg.Connection, now: datetime, days: int) -> list[Partition]:
    """The partitions of which every row is more than `days` days old at `now`, the oldest first.

    The newest three days of a table are never among them, however long ago they were.
    """
    with conn.cursor(row_factory=class_row(Partition)) as cursor:
        return cursor.execute(
            """
            with partitions as (
                select parents.relname as table, to_date(right(parts.relname, 8), 'YYYYMMDD') as day
                from pg_inherits
                join pg_class as parents on parents.oid = inhparent and parents.relkind = 'p'
                join pg_class as parts on parts.oid = inhrelid
                where parents.relnamespace = 'raw'::regnamespace
            ),

            ranked as (
                select *, max(day) over (partition by "table") as newest
                from partitions
            )

            select "table", day
            from ranked
            where day < (%(now)s at time zone 'UTC')::date - %(days)s and day <= newest - %(newest)s
            order by day, "table"
            """,
            {"now": now, "days": days, "newest": NEWEST_DAYS},
        ).fetchall()


def retire(conn: psycopg.Connection, partition: Partition) -> Retired:
    """Drop one partition and keep what is to be kept, in one transaction.

    Raises StorykeepError when somebody reads the table for so long that it cannot be had for itself.
    """
    try:
        with conn.transaction(), conn.cursor(row_factory=class_row(Retired)) as cursor:
            (retired,) = cursor.execute(
                "select dropped, kept from raw.retire_partition(%s, %s)", [partition.table, partition.day]
            ).fetchall()
            return retired
    except psycopg.errors.LockNotAvailable:
        raise StorykeepError(
            "is not dropped: others have been reading the table all the time",
            where=f"raw.{partition.table} of {partition.day}",
            remedy="end the transaction that is open on it (see pg_stat_activity), or wait: the next run tries again",
        ) from None
