"""Deletes what was captured of stories, from raw and from the media storage."""

from collections.abc import Sequence
from datetime import datetime

import psycopg
from upath import UPath

from storykeep.landing.loader import LANDING_LOCK


def purge_stories(conn: psycopg.Connection, root: UPath, story_ids: Sequence[str], now: datetime) -> int:
    """Delete every row and media file of these stories, leave their tombstones, and commit; returns how many files.

    A file goes only when no other story has the same bytes. Landing waits meanwhile, so that the stories should be
    few. When a file cannot be deleted, OSError is raised and every row stays, to be purged at the next try.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
        paths = conn.execute("select raw.purge_stories(%s, %s)", [list(story_ids), now]).fetchall()
        for (path,) in paths:
            (root / path).unlink(missing_ok=True)
    return len(paths)


def purge_dead_letters(conn: psycopg.Connection, captured_before: datetime) -> int:
    """Delete the replies until then that could not be taken in, and commit; returns how many."""
    with conn.transaction():
        (letters,) = conn.execute("select raw.purge_dead_letters(%s)", [captured_before]).fetchone() or (0,)
    return int(letters)
