"""The landing checkpoint: what dbt relies on, checked over the raw rows that no published build has seen yet.

Replies land as they came. dbt leaves out what is no count in them, so that odd ones are told and stop no build.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from storykeep.causes import Cause
from storykeep.quality import watermarks
from storykeep.quality.checkpoint import Batch, never, run
from storykeep.settings import Settings
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

CONTENT = ("media", "media_insights", "account_profiles", "account_insights", "audience")
TABLES = ("story_listings", "stories", "story_insights", "media_files", "manual_entries", *CONTENT)
# No landing id is higher.
EVERY = 2**63 - 1


@dataclass(frozen=True)
class Landed:
    """What was checked: how many rows, and the landing id of the last one by raw table."""

    rows: int
    watermarks: dict[str, int]


@dataclass(frozen=True)
class _New:
    """The rows of one raw table with landing ids after `after` and up to `last`."""

    table: str
    after: int
    last: int
    rows: int

    @property
    def query(self) -> str:
        span = f"landing_id > {self.after} and landing_id <= {self.last}"
        return f"select * from raw.{self.table} where {span}"  # noqa: S608 (a name and numbers of ours)


def check_landing(settings: Settings, as_of: datetime, landed_until: Mapping[str, int] | None = None) -> Landed:
    """Check the raw rows that landed since the last published build.

    `landed_until` leaves out the rows with higher landing ids, by table, as the build does. The watermarks move only
    when the marts are published, so that rows which failed are checked again. Raises StorykeepError naming the failed
    expectations with their tables and samples.
    """
    with connect(settings.warehouse, "storykeep_transform") as conn:
        checked = watermarks.read(conn)
        until = landed_until or dict.fromkeys(TABLES, EVERY)
        new = [part for table in TABLES if (part := _new(conn, table, checked.get(table, 0), until[table])).rows]
    if not new:
        log.info("landing checkpoint: nothing has landed since the last build")
        return Landed(0, {})
    expected = expectations()
    batches = [Batch(f"raw.{part.table}", part.query, expected[part.table]) for part in new]
    met = run(settings, "landing", batches, as_of)
    rows = sum(part.rows for part in new)
    log.info("landing checkpoint: %d new rows met %d expectations", rows, met)
    return Landed(rows, {part.table: part.last for part in new})


def _new(conn: psycopg.Connection, table: str, after: int, until: int) -> _New:
    query = "select coalesce(max(landing_id), 0), count(*) from raw.{} where landing_id > %s and landing_id <= %s"
    row = conn.execute(sql.SQL(query).format(sql.Identifier(table)), [after, until]).fetchone()
    last, rows = row or (0, 0)
    return _New(table, after, last, rows)


def expectations() -> dict[str, list[Any]]:
    """What is expected of new rows, by raw table."""
    import great_expectations.expectations as gxe

    return {
        "story_listings": [
            _known_account(),
            never(
                "a failed listing says why, in a known word",
                "select account_id, captured_at, cause from {batch}"  # noqa: S608 (GX puts its own subquery in)
                f" where status = 'failed' and (cause is null or cause not in {tuple(map(str, Cause))})",
            ),
            never(
                "a good listing names its stories",
                "select account_id, captured_at from {batch}"
                " where status = 'ok' and (payload is null or jsonb_typeof(payload) <> 'object')",
            ),
        ],
        "stories": [
            _known_account(),
            gxe.ExpectColumnValuesToMatchRegex(column="story_id", regex="^[0-9]+$"),
            never(
                "a story node says which story it is",
                "select story_id, payload ->> 'id' as told from {batch}"
                " where payload ->> 'id' is distinct from story_id",
            ),
            never(
                "a story node says when it was posted",
                "select story_id, payload ->> 'timestamp' as told from {batch}"
                " where pg_input_is_valid(payload ->> 'timestamp', 'timestamptz') is not true",
            ),
            _no_secret(),
        ],
        "story_insights": [
            _known_account(),
            never(
                "a good reply is a list of metrics with names",
                "select story_id, metric_group, captured_at from {batch} where status = 'ok'"
                " and (jsonb_typeof(payload -> 'data') is distinct from 'array'"
                " or jsonb_path_exists(payload, '$.data[*] ? (!exists(@.name ? (@.type() == \"string\")))'))",
                severity="warning",
            ),
            never(
                "a count is a whole number, not negative",
                "select story_id, metric_group, captured_at, jsonb_path_query_array(payload, '$.data[*].**.value')"
                " as told from {batch} where status = 'ok' and jsonb_path_exists(payload,"
                " '$.data[*].**.value ? (@.type() != \"number\" || @ < 0 || @.floor() != @)')",
                severity="warning",
            ),
            _no_secret(),
        ],
        "media_files": [
            _known_account(),
            never(
                "an archived file has bytes and the name of its hash",
                "select story_id, kind, path, size_bytes from {batch} where status = 'archived'"
                " and (size_bytes is null or size_bytes <= 0 or content_hash !~ '^[0-9a-f]+$'"
                " or length(content_hash) <> 64 or path not like '%' || content_hash || '%')",
            ),
        ],
        **{table: [_known_account()] for table in CONTENT},
        "manual_entries": [
            _known_account(),
            never(
                "a story that was entered says whose it is and when it was posted",
                "select entry_id, version, kind, account_id from {batch}"
                " where kind in ('story_capture', 'creator_upload') and not is_withdrawn"
                " and (account_id is null or payload ->> 'posted_at' is null)",
            ),
            never(
                "the moments of an entry are moments",
                "select entry_id, version, payload ->> 'posted_at' as posted, payload ->> 'observed_at' as observed"
                " from {batch} where pg_input_is_valid(payload ->> 'posted_at', 'timestamptz') is false"
                " or pg_input_is_valid(payload ->> 'observed_at', 'timestamptz') is false",
            ),
        ],
    }


def _known_account() -> Any:
    return never(
        "every row belongs to a known account",
        "select account_id from {batch} where account_id not in (select account_id from app.accounts)",
    )


def _no_secret() -> Any:
    return never(
        "no secret of Meta's is kept",
        """select story_id from {batch} where payload::text ~ '"(access_token|appsecret_proof|client_secret)"'""",
    )
