"""Reads and moves the clocks of the content. Every move belongs in the transaction of the rows that it describes."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from storykeep.accounts.registry import Connection
from storykeep.content.planner import LADDER, AccountClock, PostClock, Subject


@dataclass(frozen=True)
class Kind:
    """What decides which metrics a post has, as its node says it; None where it does not."""

    product: str | None = None
    media_type: str | None = None
    permalink: str | None = None


def accounts(conn: psycopg.Connection, connections: Iterable[Connection]) -> list[AccountClock]:
    """The clocks of these accounts."""
    connections = list(connections)
    done_at: dict[str, dict[Subject, datetime]] = {one.account_id: {} for one in connections}
    for account_id, subject, at in conn.execute(
        "select account_id, subject, done_at from app.content_clock where account_id = any(%s) and done_at is not null",
        [list(done_at)],
    ):
        done_at[account_id][subject] = at
    return [AccountClock(one.account_id, one.can_read_insights, done_at[one.account_id]) for one in connections]


def posts(conn: psycopg.Connection, account_ids: Collection[str]) -> list[PostClock]:
    """The clocks of these accounts' posts whose last reading is still to come."""
    rows = conn.execute(
        """
        select media_id, account_id, posted_at, read_at
        from app.media_clock
        where account_id = any(%s) and not is_refused and (read_at is null or read_at < posted_at + %s)
        """,
        [list(account_ids), LADDER[-1]],
    )
    return [PostClock(*row) for row in rows]


def kinds(conn: psycopg.Connection, media_ids: Collection[str]) -> dict[str, Kind]:
    """What these posts are, by what landed of them last."""
    rows = conn.execute(
        """
        select distinct on (media_id)
            media_id, payload ->> 'media_product_type', payload ->> 'media_type', payload ->> 'permalink'
        from raw.media
        where media_id = any(%s)
        order by media_id, landing_id desc
        """,
        [list(media_ids)],
    )
    return {media_id: Kind(*told) for media_id, *told in rows}


def asked(conn: psycopg.Connection, subject: Subject, done_at: Mapping[str, datetime | None], now: datetime) -> None:
    """Note that these accounts were asked at `now`, and until when each was answered in full; None if it was not."""
    conn.execute(
        """
        insert into app.content_clock (account_id, subject, tried_at, done_at)
        select account_id, %(subject)s, %(now)s, done_at
        from unnest(%(account_ids)s::text [], %(done_at)s::timestamptz []) as new (account_id, done_at)
        order by account_id
        on conflict (account_id, subject) do update set
            tried_at = greatest(app.content_clock.tried_at, excluded.tried_at),
            done_at = greatest(app.content_clock.done_at, excluded.done_at)
        """,
        {"subject": subject, "now": now, "account_ids": list(done_at), "done_at": list(done_at.values())},
    )


def seen(conn: psycopg.Connection, posts: Iterable[PostClock]) -> None:
    """Start the clocks of posts that were seen for the first time."""
    posts = list(posts)
    conn.execute(
        """
        insert into app.media_clock (media_id, account_id, posted_at)
        select * from unnest(%s::text [], %s::text [], %s::timestamptz []) as new (media_id, account_id, posted_at)
        order by media_id
        on conflict (media_id) do nothing
        """,
        [[post.media_id for post in posts], [post.account_id for post in posts], [post.posted_at for post in posts]],
    )


def answered(conn: psycopg.Connection, read: Collection[str], refused: Collection[str], at: datetime) -> None:
    """Note which posts the API answered for at `at`, and which of them it refuses for good."""
    conn.execute(
        """
        update app.media_clock
        set read_at = greatest(read_at, %(at)s), is_refused = is_refused or media_id = any(%(refused)s)
        where media_id = any(%(read)s)
        """,
        {"at": at, "read": list(read), "refused": list(refused)},
    )
