"""The landing checkpoint: what dbt relies on, checked over the raw rows that no published build has seen yet.

Replies land as they came. A row that is not as agreed goes into quarantine and stops nothing; a table most of whose
new rows are so has changed its shape, and stops the build.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from storykeep.quality import quarantine, volume, watermarks
from storykeep.quality.checkpoint import Batch, never, run
from storykeep.quality.landed import newest
from storykeep.quality.rules import RULES, any_broken
from storykeep.settings import Settings
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

TABLES = tuple(RULES)
# As many bad rows, and more than half of all, are no bad rows any more.
FEWEST_TO_STOP = 10
# How what is not known is told of the replies of each table.
DRIFT = {
    "stories": "stories",
    "media": "posts",
    **dict.fromkeys(("story_insights", "media_insights", "account_insights", "audience"), "insights"),
}


@dataclass(frozen=True)
class Landed:
    """What was checked: how many rows, how many are new in quarantine, and up to which landing id by raw table."""

    rows: int
    quarantined: int
    watermarks: dict[str, int]


@dataclass(frozen=True)
class _New:
    """The rows of one raw table with landing ids after `after` and up to `until`."""

    table: str
    after: int
    until: int
    rows: int
    since: datetime

    @property
    def query(self) -> str:
        span = f"landing_id > {self.after} and landing_id <= {self.until}"
        return f"select * from raw.{self.table} where {span}"  # noqa: S608 (a name and numbers of ours)


def check_landing(settings: Settings, as_of: datetime, landed_until: Mapping[str, int] | None = None) -> Landed:
    """Check the raw rows that landed since the last published build, and put the bad ones aside.

    `landed_until` leaves out the rows with higher landing ids, by table; without it, they are all that have landed now.
    The build is to look no further: `watermarks` says so. These move when the marts are published, so that rows of a
    build that failed are checked again. Raises StorykeepError naming the failed expectations with their tables.
    """
    with connect(settings.warehouse, "storykeep_transform") as conn:
        checked = watermarks.read(conn)
        reached = landed_until or newest(conn)
        until = {table: reached[table] for table in TABLES}
        found = [_new(conn, table, checked.get(table, 0), until[table]) for table in TABLES]
    new = [part for part in found if part]
    if not new:
        log.info("landing checkpoint: nothing has landed since the last build")
        return Landed(0, 0, until)
    batches = [Batch(f"raw.{part.table}", part.query, expectations(part.table, part.since)) for part in new]
    met = run(settings, "landing", batches, as_of)
    with connect(settings.warehouse, "storykeep_transform") as conn:
        aside = quarantine.put_aside(conn, {part.table: (part.after, part.until) for part in new}, as_of)
    rows = sum(part.rows for part in new)
    log.info("landing checkpoint: %d new rows met %d expectations, %d are put aside", rows, met, aside)
    return Landed(rows, aside, until)


def _new(conn: psycopg.Connection, table: str, after: int, until: int) -> _New | None:
    query = "select count(*), min(captured_at) from raw.{} where landing_id > %s and landing_id <= %s"
    ((rows, since),) = conn.execute(sql.SQL(query).format(sql.Identifier(table)), [after, until]).fetchall()
    return _New(table, after, until, rows, since) if rows else None


def expectations(table: str, since: datetime) -> list[Any]:
    """What is expected of the new rows of a raw table, of which the first was captured at `since`."""
    broken = any_broken(RULES[table])
    return [
        *(
            never(
                rule.claim,
                f"select landing_id, account_id from {{batch}} where {rule.broken}",  # noqa: S608 (a rule of ours)
                severity="warning",
            )
            for rule in RULES[table]
        ),
        never(
            "most new rows are as agreed",
            f"select bad, total from (select count(*) filter (where {broken}) as bad, count(*) as total"  # noqa: S608 (rules of ours)
            f" from {{batch}}) as counted where bad >= {FEWEST_TO_STOP} and bad * 2 > total",
        ),
        *volume.expectations(table, since),
        *_drift(table),
    ]


def _drift(table: str) -> list[Any]:
    """Capture tells once of what it does not know in replies: here it stands beside the rows that brought it."""
    if table not in DRIFT:
        return []
    return [
        never(
            "the API says nothing that is not known",
            "select what from app.schema_notices"  # noqa: S608 (a word of ours)
            f" where starts_with(what, '{DRIFT[table]}: ') and run_id in (select run_id from {{batch}})",
            severity="warning",
        )
    ]
