"""What our own clocks and the last good listings say of accounts: what an odd answer is held against."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

# A story that is about to end may be gone already: the clocks of two machines differ.
MARGIN = timedelta(minutes=5)
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Known:
    """What is known of an account that was listed well, or connected, within a day.

    `shown` are the stories that its last good listing showed and that still run; `read` those of them that the API has
    already given numbers of.
    """

    shown: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()


def load(conn: psycopg.Connection, account_ids: Collection[str], now: datetime) -> dict[str, Known]:
    """What is known of these accounts; nothing of those that were not listed well for a day.

    A story that its creator took down is no longer shown once a good listing came without it.
    """
    rows = conn.execute(
        """
        select
            connections.account_id,
            coalesce(array_agg(stories.story_id) filter (where stories.story_id is not null), '{}'),
            coalesce(array_agg(stories.story_id) filter (where stories.read_at is not null), '{}')
        from app.connections
        left join app.account_clock on account_clock.account_id = connections.account_id
        left join lateral (
            select payload from raw.story_listings
            where
                story_listings.account_id = connections.account_id and status = 'ok'
                and captured_at > %(yesterday)s and captured_at <= %(now)s
            order by captured_at desc limit 1
        ) as newest on true
        left join app.story_clock as stories
            on stories.account_id = connections.account_id
            and stories.expires_at > %(soon)s
            and newest.payload ? stories.story_id
        where
            connections.account_id = any(%(account_ids)s)
            and greatest(account_clock.listed_at, connections.connected_at) > %(yesterday)s
        group by connections.account_id
        """,
        {"account_ids": list(account_ids), "now": now, "soon": now + MARGIN, "yesterday": now - DAY},
    )
    return {account_id: Known(frozenset(shown), frozenset(read)) for account_id, shown, read in rows}
