"""Deletes all that is kept of an account, step by step; every step may be done again, and goes on where it was killed.

Before the first one the account is buried: from then on nothing of it is taken in, whatever is under way.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import LiteralString

import psycopg
from upath import UPath

from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.leaving import Left, leave
from storykeep.accounts.states import State
from storykeep.errors import StorykeepError
from storykeep.landing.loader import LANDING_LOCK

# Landing waits while the files of so many rows are deleted.
BATCH = 50


def bury(conn: psycopg.Connection, account_id: str, now: datetime) -> Left | None:
    """Leave the hash of an account as its tombstone, end its connection, and commit; returns what that was."""
    with conn.transaction():
        # What is being landed is there before the first step, and what comes later is refused.
        conn.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
        conn.execute("select app.bury_account(%s, %s)", [account_id, now])
        left = leave(conn, account_id, State.PURGED, None, now)
    conn.commit()
    return left


def purge_media(conn: psycopg.Connection, root: UPath, account_id: str, code: str) -> None:
    """Delete its media files and their rows, and commit batch by batch. A file that others have too stays.

    Raises StorykeepError when the storage would not delete a file: its batch stays, to be purged at the next try.
    """
    while _purge_batch(conn, root, account_id, code):
        pass


def _purge_batch(conn: psycopg.Connection, root: UPath, account_id: str, code: str) -> bool:
    with conn.transaction():
        # So that nobody lands the same bytes meanwhile.
        conn.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
        gone = conn.execute("select path from raw.purge_account_media(%s, %s)", [account_id, BATCH]).fetchall()
        paths = {path for (path,) in gone if path is not None}
        _delete(root, paths)
        requests.count(conn, code, {"raw.media_files": len(gone), "media files": len(paths)})
    conn.commit()
    return bool(gone)


def purge_entries(conn: psycopg.Connection, root: UPath, account_id: str, code: str) -> None:
    """Delete what people entered of it, with approvals, evidence and the names of the files, and commit.

    Raises StorykeepError when the storage would not delete a file: then all of it stays, to be purged at the next try.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
        gone = conn.execute("select purged, path from raw.purge_account_entries(%s)", [account_id]).fetchall()
        paths = {path for _, path in gone if path is not None}
        _delete(root, paths)
        requests.count(conn, code, {**Counter(table for table, _ in gone), "evidence files": len(paths)})
    conn.commit()


def entry_files(conn: psycopg.Connection, account_id: str) -> list[str]:
    """The hashes of the files that its entries came in."""
    rows = conn.execute(
        "select distinct file_hash from raw.manual_entries"
        " where entry_id in (select raw.entries_of(%s)) and file_hash is not null",
        [account_id],
    ).fetchall()
    conn.rollback()
    return [file_hash for (file_hash,) in rows]


def _delete(root: UPath, paths: Iterable[str]) -> None:
    try:
        for path in sorted(paths):
            (root / path).unlink(missing_ok=True)
    except OSError as error:
        raise StorykeepError(
            f"a file cannot be deleted: {error.strerror or error}",
            where=str(root),
            remedy="mend the storage; the purge goes on at the next try",
        ) from None


def purge_rows(conn: psycopg.Connection, account_id: str, code: str, shown: Mapping[str, int]) -> None:
    """Delete all its rows, in schema raw and then in schema app, the account itself last; commits after each step.

    `shown` is what the marts have of it still: it is counted with the last rows.
    """
    _purge_step(conn, "select purged, deleted from raw.purge_account(%s)", account_id, code, {})
    _purge_step(conn, "select purged, deleted from app.purge_versions(%s)", account_id, code, {})
    told = {f"marts.{mart} (until the next build)": rows for mart, rows in shown.items()}
    _purge_step(conn, "select purged, deleted from app.purge_account(%s)", account_id, code, told)


def _purge_step(
    conn: psycopg.Connection, call: LiteralString, account_id: str, code: str, also: Mapping[str, int]
) -> None:
    with conn.transaction():
        counts = Counter(also)
        for table, deleted in conn.execute(call, [account_id]):
            counts[table] += deleted
        requests.count(conn, code, counts)
    conn.commit()
