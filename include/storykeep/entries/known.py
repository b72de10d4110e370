"""What the warehouse knows of that a file names, asked for all rows at once."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import psycopg

from storykeep.landing.tombstones import story_hash

BY_HAND = re.compile(r"manual:([0-9a-f]{64})")


@dataclass(frozen=True)
class Known:
    """Accounts by handle, the account of each story, campaigns, and stories that were purged."""

    accounts: dict[str, list[str]]
    stories: dict[str, str | None]
    campaigns: frozenset[str]
    purged: frozenset[str]


def look_up(conn: psycopg.Connection, handles: Collection[str], story_ids: Collection[str]) -> Known:
    """What is known of these handles and stories, and every campaign."""
    accounts = defaultdict(list)
    for username, account_id in conn.execute(
        "select username, account_id from app.accounts where username = any(%s)", [list(handles)]
    ):
        accounts[username].append(account_id)
    campaigns = conn.execute("select campaign_id from app.campaigns").fetchall()
    return Known(
        dict(accounts), _stories(conn, story_ids), frozenset(one for (one,) in campaigns), _purged(conn, story_ids)
    )


def _stories(conn: psycopg.Connection, story_ids: Collection[str]) -> dict[str, str | None]:
    """The account of each story that was captured, or that somebody entered."""
    by_hand = {entry[1] for entry in map(BY_HAND.fullmatch, story_ids) if entry}
    rows = conn.execute(
        """
        select story_id, account_id from raw.stories where story_id = any(%s)
        union
        select 'manual:' || entry_id, account_id from raw.manual_entries
        where entry_id = any(%s) and kind in ('story_capture', 'creator_upload')
        """,
        [list(story_ids), list(by_hand)],
    )
    return dict(rows.fetchall())


def _purged(conn: psycopg.Connection, story_ids: Iterable[str]) -> frozenset[str]:
    named = {story_hash(story_id): story_id for story_id in story_ids}
    rows = conn.execute("select story_hash from app.tombstones where story_hash = any(%s)", [list(named)])
    return frozenset(named[digest] for (digest,) in rows)
