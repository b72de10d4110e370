"""Refuses what comes late, or again, of a purged story or account: the hash of its id is all that is left of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import psycopg

from storykeep.landing.rows import ManualEntry, MediaFile, Row, Story, StoryInsight, StoryListing


def without_purged(conn: psycopg.Connection, rows: Sequence[Row]) -> list[Row]:
    """The rows less those of purged accounts and stories; a listing that names such a story keeps it as its hash."""
    buried = _buried(conn, {row.account_id for row in rows if row.account_id})
    rows = [row for row in rows if row.account_id not in buried or _is_anew(row, buried[row.account_id])]
    purged = _purged(conn, (story_id for row in rows for story_id in _named(row)))
    if not purged:
        return rows
    return [_unnamed(row, purged) for row in rows if not (isinstance(row, _OF_A_STORY) and row.story_id in purged)]


def hash_of(external_id: str) -> str:
    """What is kept of the id of a story, an account or a person that is forgotten."""
    return hashlib.sha256(external_id.encode()).hexdigest()


def story_hash(story_id: str) -> str:
    """What is kept of the id of a purged story."""
    return hash_of(story_id)


_OF_A_STORY = (Story, StoryInsight, MediaFile, ManualEntry)


def _buried(conn: psycopg.Connection, account_ids: Iterable[str]) -> dict[str, datetime | None]:
    """Those that were purged, with when their creator consented anew."""
    named = {hash_of(account_id): account_id for account_id in account_ids}
    found = conn.execute(
        "select account_hash, readmitted_at from app.account_tombstones where account_hash = any(%s)", [list(named)]
    )
    return {named[digest]: readmitted_at for digest, readmitted_at in found}


def _is_anew(row: Row, readmitted_at: datetime | None) -> bool:
    """Whether it was captured, and what a person enters was posted, under a consent that came after the purge."""
    if readmitted_at is None or row.captured_at < readmitted_at:
        return False
    posted_at = row.payload.get("posted_at") if isinstance(row, ManualEntry) else None
    return posted_at is None or datetime.fromisoformat(str(posted_at)) >= readmitted_at


def _named(row: Row) -> Iterable[str]:
    if isinstance(row, _OF_A_STORY):
        return (row.story_id,) if row.story_id else ()
    return row.payload or () if isinstance(row, StoryListing) else ()


def _purged(conn: psycopg.Connection, story_ids: Iterable[str]) -> dict[str, str]:
    """Those that were purged, with their hashes."""
    named = {story_hash(story_id): story_id for story_id in set(story_ids)}
    found = conn.execute("select story_hash from app.tombstones where story_hash = any(%s)", [list(named)])
    return {named[digest]: digest for (digest,) in found}


def _unnamed(row: Row, purged: Mapping[str, str]) -> Row:
    if not isinstance(row, StoryListing) or not row.payload:
        return row
    return replace(row, payload={purged.get(story_id, story_id): value for story_id, value in row.payload.items()})
