"""Reads and moves the watermarks. Every move belongs in the transaction of the rows that it describes."""

from collections.abc import Collection, Iterable
from datetime import datetime

import psycopg

from storykeep.accounts.states import CAPTURED
from storykeep.capture.planner import AccountClock, StoryClock


def load(
    conn: psycopg.Connection, account_ids: Collection[str], now: datetime
) -> tuple[list[AccountClock], list[StoryClock]]:
    """The clocks of these accounts and of their stories that still run."""
    listed: dict[str, datetime | None] = dict(
        conn.execute(
            "select account_id, listed_at from app.account_clock where account_id = any(%s)", [list(account_ids)]
        ).fetchall()
    )
    stories = conn.execute(
        """
        select story_id, account_id, posted_at, expires_at, tried_at
        from app.story_clock
        where expires_at > %s and not is_refused and account_id = any(%s)
        """,
        [now, list(account_ids)],
    ).fetchall()
    accounts = [AccountClock(account_id, listed.get(account_id)) for account_id in account_ids]
    return accounts, [StoryClock(*row) for row in stories]


def connected(conn: psycopg.Connection) -> list[str]:
    """The accounts whose connection lets them be captured."""
    rows = conn.execute("select account_id from app.connections where status = any(%s)", [list(CAPTURED)])
    return [account_id for (account_id,) in rows]


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
    """Start the clocks of stories that were seen for the first time."""
    stories = list(stories)
    conn.execute(
        """
        insert into app.story_clock (story_id, account_id, posted_at, expires_at, first_seen_at)
        select new.*, %(now)s
        from unnest(
            %(story_ids)s::text [], %(account_ids)s::text [], %(posted_at)s::timestamptz [],
            %(expires_at)s::timestamptz []
        ) as new (story_id, account_id, posted_at, expires_at)
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
