"""What the API served, as the sandbox's journal tells it, held against what has landed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

from soaking.checks import Check
from soaking.schedule import APP_REST
from storykeep.clock import parse_time

Call = Mapping[str, Any]

TABLE = """
create schema soak authorization current_user;
create unlogged table soak.served (
    at timestamptz not null,
    endpoint text not null,
    ig_user_id text not null,
    object_id text not null,
    asked text not null,
    shown text [] not null
);
"""

# Each with an account, a story where it is about one, and when it was served.
LOST_READINGS = """
with served as (
    select ig_user_id, object_id, at, count(distinct asked) as replies
    from soak.served where endpoint = 'insights' group by 1, 2, 3
),
landed as (
    select story_id, captured_at, count(*) as replies
    from raw.story_insights where status in ('ok', 'empty') group by 1, 2
)
select served.* from served
left join landed on landed.story_id = served.object_id and landed.captured_at = served.at
where coalesce(landed.replies, 0) < served.replies
order by at, object_id
"""
LOST_LISTINGS = """
select distinct served.ig_user_id, served.at from soak.served
join app.accounts using (ig_user_id)
left join raw.story_listings as landed on landed.account_id = accounts.account_id and landed.captured_at = served.at
where served.endpoint = 'stories' and landed.account_id is null
order by at, ig_user_id
"""
LOST_STORIES = """
select served.ig_user_id, shown.story_id, min(served.at) as at
from soak.served, unnest(served.shown) as shown (story_id)
where not exists (select from raw.stories where stories.story_id = shown.story_id)
group by 1, 2
order by 3, 2
"""


class Served:
    """Keeps, of each part of the journal, what was served, and counts the calls that came while a pool was blocked.

    `flavours` are by IG user id. A call at the very moment at which the block was told may have been under way.
    """

    def __init__(self, conn: psycopg.Connection, flavours: Mapping[str, str]) -> None:
        self._conn = conn
        self._flavours = flavours
        self._blocks: dict[str, tuple[datetime, datetime]] = {}
        self.calls = 0
        self.too_early: list[str] = []
        conn.execute(TABLE)

    def take(self, calls: Iterable[Call], killed: frozenset[str] = frozenset()) -> None:
        """Take in a part of the journal. What was told to the accounts in `killed` nobody has heard to the end."""
        kept = []
        for call in calls:
            at, ig_user_id = parse_time(call["at"]), call["ig_user_id"]
            self.calls += 1
            if ig_user_id is None:
                continue
            self._look(call, at, ig_user_id, is_heard=ig_user_id not in killed)
            if (
                call["outcome"] == "answered"
                and call["endpoint"] in ("stories", "insights")
                and ig_user_id not in killed
            ):
                kept.append((at, call["endpoint"], ig_user_id, call["object_id"], call["asked"], call["shown"]))
        with self._conn.cursor() as cursor, cursor.copy("copy soak.served from stdin") as copy:
            for row in kept:
                copy.write_row(row)

    def _look(self, call: Call, at: datetime, ig_user_id: str, *, is_heard: bool) -> None:
        """Whether this call should not have been made, and what its answer forbids."""
        app = f"app:{self._flavours[ig_user_id]}"
        for pool in (ig_user_id, app):
            since, until = self._blocks.get(pool, (at, at))
            if since < at < until:
                self.too_early.append(f"{call['endpoint']} of {ig_user_id} at {at:%d %b %H:%M}")
        if not is_heard:
            return
        if call["outcome"] == "throttle":
            self._blocks[ig_user_id] = (at, at + timedelta(minutes=call["wait_minutes"]))
        if call["outcome"] == "app_throttle":
            self._blocks[app] = (at, at + APP_REST)

    def checks(self) -> list[Check]:
        """That everything served is in raw, and that blocked pools were left alone."""
        return [
            self._check("readings that were served are in raw", LOST_READINGS, "endpoint = 'insights'"),
            self._check("listings that were served are in raw", LOST_LISTINGS, "endpoint = 'stories'"),
            self._check("stories that were shown are in raw", LOST_STORIES, "endpoint = 'stories' and shown <> '{}'"),
            Check("calls left a throttled pool alone", self.calls, tuple(self.too_early)),
        ]

    def _check(self, what: str, query: str, of: str) -> Check:
        looked_at = self._conn.execute(f"select count(*) from soak.served where {of}").fetchone()  # noqa: S608 (ours)
        lost = self._conn.execute(query).fetchall()
        return Check(what, looked_at[0] if looked_at else 0, tuple(" ".join(map(str, row)) for row in lost))
