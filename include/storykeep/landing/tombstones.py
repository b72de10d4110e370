"""Refuses what comes late, or again, of a purged story: its hash in app.tombstones is all that is left of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import psycopg

from storykeep.landing.rows import MediaFile, Row, Story, StoryInsight, StoryListing


def without_purged(conn: psycopg.Connection, rows: Sequence[Row]) -> list[Row]:
    """The rows less those of purged stories; a listing that names one keeps it as its hash."""
    purged = _purged(conn, (story_id for row in rows for story_id in _named(row)))
    if not purged:
        return list(rows)
    return [_unnamed(row, purged) for row in rows if not (isinstance(row, _OF_A_STORY) and row.story_id in purged)]


def story_hash(story_id: str) -> str:
    """What is kept of the id of a purged story."""
    return hashlib.sha256(story_id.encode()).hexdigest()


_OF_A_STORY = (Story, StoryInsight, MediaFile)


def _named(row: Row) -> Iterable[str]:
    if isinstance(row, _OF_A_STORY):
        return (row.story_id,)
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
