"""What the API served, as the sandbox's journal tells it, held against what has landed."""

from collections.abc import Iterable, Mapping

import psycopg

from soaking.blocked import Blocked, Call
from soaking.checks import Check

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

COLUMNS = ("at", "endpoint", "ig_user_id", "object_id", "asked", "shown")

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
    """Keeps what was served, as one part of the journal after the other tells it.

    `flavours` are by IG user id; `conn` is in autocommit mode and may make a schema.
    """

    def __init__(self, conn: psycopg.Connection, flavours: Mapping[str, str]) -> None:
        self._conn = conn
        self._blocked = Blocked(flavours)
        self.calls = 0
        conn.execute(TABLE)

    def take(self, calls: Iterable[Call], killed: frozenset[str] = frozenset()) -> None:
        """Take in a part of the journal. What was told to the accounts in `killed` nobody has heard to the end."""
        kept = []
        for call in calls:
            self.calls += 1
            ig_user_id = call["ig_user_id"]
            if ig_user_id is None:
                continue
            is_heard = ig_user_id not in killed
            self._blocked.look(call, is_heard=is_heard)
            if is_heard and call["outcome"] == "answered" and call["endpoint"] in ("stories", "insights"):
                kept.append([call[column] for column in COLUMNS])
        with self._conn.cursor() as cursor, cursor.copy(f"copy soak.served ({', '.join(COLUMNS)}) from stdin") as copy:
            for row in kept:
                copy.write_row(row)

    def checks(self) -> list[Check]:
        """That everything served is in raw, and that blocked pools were left alone."""
        return [
            self._check("readings that were served are in raw", LOST_READINGS, "endpoint = 'insights'"),
            self._check("listings that were served are in raw", LOST_LISTINGS, "endpoint = 'stories'"),
            self._check("stories that were shown are in raw", LOST_STORIES, "endpoint = 'stories' and shown <> '{}'"),
            Check("calls leave a throttled pool alone", self.calls, tuple(self._blocked.too_early)),
        ]

    def _check(self, what: str, query: str, of: str) -> Check:
        looked_at = self._conn.execute(f"select count(*) from soak.served where {of}").fetchone()  # noqa: S608 (ours)
        lost = self._conn.execute(query).fetchall()
        return Check(what, looked_at[0] if looked_at else 0, tuple(" ".join(map(str, row)) for row in lost))
