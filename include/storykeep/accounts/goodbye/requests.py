"""Deletion requests: written down before anything is deleted, and closed with a certificate of what was."""

import secrets
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storykeep.accounts.goodbye import ledger
from storykeep.landing.tombstones import hash_of

Source = Literal["command", "callback", "restore"]


@dataclass(frozen=True)
class Request:
    """One request. `code` is random; subject and accounts are known by the sha256 of their ids alone.

    `certificate` counts what was deleted so far, by table or kind; it is whole at `done_at`.
    """

    code: str
    source: Source
    subject_hash: str
    account_hashes: list[str]
    requested_at: datetime
    done_at: datetime | None
    certificate: dict[str, int]


@dataclass(frozen=True)
class Concerned:
    """An account that a request is about and that is still there."""

    account_id: str
    ig_user_id: str
    username: str


def record(
    conn: psycopg.Connection,
    work_dir: Path,
    source: Source,
    subject_id: str,
    ig_user_ids: Collection[str],
    now: datetime,
) -> Request:
    """Write down that these accounts are to be purged, as `subject_id` asks, and commit.

    The same wish again is the same request, as long as it is open, or nothing came back since it was carried out.
    """
    subject_hash = hash_of(subject_id)
    account_hashes = sorted(map(hash_of, ig_user_ids))
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject_hash])
        known = _newest_of(conn, subject_hash)
        if known and _covers(known, account_hashes):
            return known
        request = Request(secrets.token_hex(16), source, subject_hash, account_hashes, now, None, {})
        # First, so that a restore of an older backup never forgets what was promised.
        ledger.note(work_dir, request.code, subject_hash, account_hashes, now)
        _insert(conn, request)
    conn.commit()
    return request


def recall(conn: psycopg.Connection, work_dir: Path) -> int:
    """Write down again, and commit, what a restored backup does not know of yet; returns how many requests that were.

    They are carried out once more, as the backup has brought back what they had deleted.
    """
    recalled = 0
    with conn.transaction():
        for line in ledger.lines(work_dir):
            recalled += _insert(
                conn,
                Request(line.code, "restore", line.subject_hash, line.account_hashes, line.requested_at, None, {}),
            )
    conn.commit()
    return recalled


def open_requests(conn: psycopg.Connection) -> list[Request]:
    """Those that are still to be carried out, the oldest first."""
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(
            "select * from app.deletion_requests where done_at is null order by requested_at, code"
        ).fetchall()


def find(conn: psycopg.Connection, code: str) -> Request | None:
    """The request of this code."""
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute("select * from app.deletion_requests where code = %s", [code]).fetchone()


def concerned(conn: psycopg.Connection, request: Request) -> list[Concerned]:
    """The accounts that a request is about, as far as they are still there."""
    with conn.cursor(row_factory=class_row(Concerned)) as cursor:
        return cursor.execute(
            """
            select account_id, ig_user_id, username from app.accounts
            where app.hash_of(ig_user_id) = any(%s) order by account_id
            """,
            [request.account_hashes],
        ).fetchall()


def count(conn: psycopg.Connection, code: str, counts: Mapping[str, int]) -> None:
    """Add to the certificate. Belongs in the transaction that deletes what is counted."""
    row = conn.execute("select certificate from app.deletion_requests where code = %s for update", [code]).fetchone()
    told = Counter(row[0] if row else {})
    told.update({what: number for what, number in counts.items() if number})
    conn.execute("update app.deletion_requests set certificate = %s where code = %s", [Jsonb(dict(told)), code])


def close(conn: psycopg.Connection, request: Request, now: datetime) -> None:
    """Write down that a request is carried out, and commit."""
    with conn.transaction():
        (named,) = conn.execute("select app.forget_granter(%s)", [request.subject_hash]).fetchone() or (0,)
        count(conn, request.code, {"rows that named the granter": named})
        conn.execute(
            "update app.deletion_requests set done_at = %s where code = %s and done_at is null", [now, request.code]
        )
    conn.commit()


def _newest_of(conn: psycopg.Connection, subject_hash: str) -> Request | None:
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(
            "select * from app.deletion_requests where subject_hash = %s order by requested_at desc, code limit 1",
            [subject_hash],
        ).fetchone()


def _covers(known: Request, account_hashes: Collection[str]) -> bool:
    if known.done_at is None:
        return set(account_hashes) <= set(known.account_hashes)
    return not account_hashes


def _insert(conn: psycopg.Connection, request: Request) -> bool:
    """Write an open request down unless it is there; says whether it was not."""
    done = conn.execute(
        """
        insert into app.deletion_requests (code, source, subject_hash, account_hashes, requested_at)
        values (%s, %s, %s, %s, %s)
        on conflict do nothing
        """,
        [request.code, request.source, request.subject_hash, request.account_hashes, request.requested_at],
    )
    return done.rowcount == 1
