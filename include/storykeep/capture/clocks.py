"""Reads and moves the watermarks. Every move belongs in the transaction of the rows that it describes."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import psycopg

from storykeep.capture.planner import STORY_LIFE, AccountClock, StoryClock

# Around which times of day an account posts is told by what it posted in so many days, so much earlier or later.
HABIT_DAYS = 14
AROUND = timedelta(minutes=30)


def accounts(conn: psycopg.Connection, account_ids: Collection[str], now: datetime) -> list[AccountClock]:
    """The clocks of these accounts, with how often each has posted around this time of day lately.

    A story ends at the time of day at which it was posted, so that the index on its end finds those few.
    """
    rows = conn.execute(
        """
        with posted as (
            select story_clock.account_id, count(*) as times
            from generate_series(0, %(days)s - 1) as day
            cross join lateral (
                select account_id from app.story_clock
                where expires_at
                    between %(tomorrow)s - day * interval '24 hours' - %(around)s
                    and %(tomorrow)s - day * interval '24 hours' + %(around)s
            ) as story_clock
            group by 1
        )

        select account_id, listed_at, attempted_at, coalesce(times, 0)
        from unnest(%(account_ids)s::text []) as account_id
        left join app.account_clock using (account_id)
        left join posted using (account_id)
        """,
        {
            "account_ids": list(account_ids),
            "days": HABIT_DAYS,
            "tomorrow": now + STORY_LIFE,
            "around": AROUND,
        },
    )
    return [AccountClock(*row) for row in rows]


def stories(
    conn: psycopg.Connection, account_ids: Collection[str], now: datetime, *, ending_by: datetime | None = None
) -> list[StoryClock]:
    """The clocks of these accounts' stories that still run at `now`; with `ending_by`, of those that end by then."""
    rows = conn.execute(
        """
        select story_id, account_id, posted_at, expires_at, tried_at
        from app.story_clock
        where
            expires_at > %s and expires_at <= coalesce(%s::timestamptz, 'infinity') and not is_refused
            and account_id = any(%s)
        """,
        [now, ending_by, list(account_ids)],
    )
    return [StoryClock(*row) for row in rows]


def refused(conn: psycopg.Connection, account_ids: Collection[str], now: datetime) -> set[str]:
    """The stories of these accounts that still run and that the API refuses for good."""
    rows = conn.execute(
        "select story_id from app.story_clock where expires_at > %s and is_refused and account_id = any(%s)",
        [now, list(account_ids)],
    )
    return {story_id for (story_id,) in rows}


def listed(conn: psycopg.Connection, account_ids: Iterable[str], now: datetime, *, complete: bool) -> None:
    """Note that these accounts were listed at `now`, or that it was tried."""
    conn.execute(
        """
        insert into app.account_clock (account_id, listed_at, attempted_at)
        select account_id, %(listed_at)s, %(now)s from unnest(%(account_ids)s::text []) as account_id
        order by account_id
        on conflict (account_id) do update set
            listed_at = greatest(app.account_clock.listed_at, excluded.listed_at),
            attempted_at = greatest(app.account_clock.attempted_at, excluded.attempted_at)
        """,
        {"account_ids": list(account_ids), "listed_at": now if complete else None, "now": now},
    )


def seen(conn: psycopg.Connection, stories: Iterable[StoryClock], now: datetime) -> None:
    """Start the clocks of stories that were seen for the first time; of one that was purged none starts again."""
    stories = list(stories)
    conn.execute(
        """
        insert into app.story_clock (story_id, account_id, posted_at, expires_at, first_seen_at)
        select new.*, %(now)s
        from unnest(
            %(story_ids)s::text [], %(account_ids)s::text [], %(posted_at)s::timestamptz [],
            %(expires_at)s::timestamptz []
        ) as new (story_id, account_id, posted_at, expires_at)
        where not exists (
            select from app.tombstones where story_hash = encode(sha256(convert_to(new.story_id, 'UTF8')), 'hex')
        )
        order by new.story_id
        on conflict (story_id) do nothing
        """,
        {
            "story_ids": [story.story_id for story in stories],
            "account_ids": [story.account_id for story in stories],
            "posted_at": [story.posted_at for story in stories],
            "expires_at": [story.expires_at for story in stories],
            "now": now,
        },
    )


def answered(
    conn: psycopg.Connection,
    tried: Collection[str],
    read: Collection[str],
    refused: Collection[str],
    at: datetime,
) -> None:
    """Note which stories the API answered for at `at`, with numbers, or by refusing them for good."""
    conn.execute(
        """
        update app.story_clock set
            tried_at = greatest(tried_at, %(at)s),
            read_at = case when story_id = any(%(read)s) then greatest(read_at, %(at)s) else read_at end,
            is_refused = is_refused or story_id = any(%(refused)s)
        where story_id = any(%(tried)s)
        """,
        {"at": at, "tried": list(tried), "read": list(read), "refused": list(refused)},
    )
