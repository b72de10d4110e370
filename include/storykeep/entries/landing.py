"""Lands entries as versions: what says nothing new stays as it is, an edit is one more version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from storykeep.entries.entry import Entry, entry_hash
from storykeep.errors import StorykeepError
from storykeep.landing.loader import LANDING_LOCK, land
from storykeep.landing.rows import Json, ManualEntry

POLICY = "policy"


@dataclass(frozen=True)
class File:
    """A file of entries, who loads it and when; `needs_approval` says whether its numbers wait for another person."""

    file_hash: str
    name: str
    author: str
    now: datetime
    run_id: str
    needs_approval: bool


def land_file(conn: psycopg.Connection, file: File, entries: Sequence[Entry], rejected: int) -> tuple[int, int]:
    """Land the entries of a file and write it down, in the caller's transaction.

    Returns how many landed, and how many said nothing new.

    What this very file said before is not said again, whatever was entered since.
    """
    _lock(conn)
    known = _versions(conn, [entry.entry_id for entry in entries], file.file_hash)
    rows = [_row(file, entry, known.get(entry.entry_id, _NONE)) for entry in entries if _is_news(entry, known)]
    landed = land(conn, rows).get(ManualEntry.table, 0)
    conn.execute(
        """
        insert into app.entry_files (file_hash, name, kind, author, loaded_at, rows_landed, rows_unchanged,
            rows_rejected)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict do nothing
        """,
        [
            file.file_hash,
            file.name,
            ", ".join(sorted({entry.kind for entry in entries})) or "none",
            file.author,
            file.now,
            landed,
            len(entries) - len(rows),
            rejected,
        ],
    )
    if not file.needs_approval:
        _approve_by_policy(conn, rows, file.now)
    return landed, len(entries) - len(rows)


def preview(conn: psycopg.Connection, file_hash: str, entries: Sequence[Entry]) -> tuple[int, int]:
    """How many of the entries would land, and how many are not new."""
    known = _versions(conn, [entry.entry_id for entry in entries], file_hash)
    news = sum(_is_news(entry, known) for entry in entries)
    return news, len(entries) - news


def withdraw(conn: psycopg.Connection, entry_id: str, author: str, now: datetime, note: str | None = None) -> int:
    """Land a version of an entry that takes it back, and commit; returns its number.

    Raises StorykeepError when it was withdrawn before.
    """
    with conn.transaction():
        _lock(conn)
        with conn.cursor(row_factory=class_row(ManualEntry)) as cursor:
            last = cursor.execute(
                """
                select entry_id, version, kind, account_id, story_id, campaign_id, captured_at, run_id, author, payload,
                    content_hash, file_hash, row_number, evidence_hash, evidence_path, is_withdrawn
                from raw.manual_entries where entry_id = %s order by version desc limit 1
                """,
                [entry_id],
            ).fetchone()
        if last is None or last.is_withdrawn:
            raise StorykeepError("is withdrawn already" if last else "there is no such entry", where=entry_id[:12])
        payload: Json = {**last.payload, "note": note} if note else last.payload
        row = replace(
            last,
            version=last.version + 1,
            captured_at=now,
            run_id=f"withdraw-{now:%Y-%m-%dT%H:%M:%S.%fZ}",
            author=author,
            payload=payload,
            content_hash=entry_hash(last.story_id, payload, last.evidence_hash, withdrawn=True),
            file_hash=None,
            row_number=None,
            is_withdrawn=True,
        )
        land(conn, [row])
    conn.commit()
    return row.version


@dataclass(frozen=True)
class _Version:
    """How far an entry has come, what it says, and what this file said of it before."""

    version: int
    content_hash: str | None
    from_this_file: tuple[str, ...]


_NONE = _Version(0, None, ())


def _lock(conn: psycopg.Connection) -> None:
    """So that nobody gives out the same version."""
    conn.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])


def _versions(conn: psycopg.Connection, entry_ids: Sequence[str], file_hash: str) -> dict[str, _Version]:
    rows = conn.execute(
        """
        select entry_id, max(version), (array_agg(content_hash order by version desc))[1],
            array_agg(content_hash) filter (where file_hash = %s)
        from raw.manual_entries where entry_id = any(%s)
        group by entry_id
        """,
        [file_hash, list(entry_ids)],
    )
    return {entry_id: _Version(version, last, tuple(said or ())) for entry_id, version, last, said in rows}


def _is_news(entry: Entry, known: dict[str, _Version]) -> bool:
    one = known.get(entry.entry_id, _NONE)
    return entry.content_hash not in (one.content_hash, *one.from_this_file)


def _row(file: File, entry: Entry, known: _Version) -> ManualEntry:
    return ManualEntry(
        entry_id=entry.entry_id,
        version=known.version + 1,
        kind=entry.kind,
        account_id=entry.account_id,
        story_id=entry.story_id,
        campaign_id=entry.campaign_id,
        captured_at=file.now,
        run_id=file.run_id,
        author=file.author,
        payload=entry.payload,
        content_hash=entry.content_hash,
        file_hash=file.file_hash,
        row_number=entry.row,
        evidence_hash=entry.evidence.content_hash if entry.evidence else None,
        evidence_path=entry.evidence.path if entry.evidence else None,
    )


def _approve_by_policy(conn: psycopg.Connection, rows: Sequence[ManualEntry], now: datetime) -> None:
    """Numbers that nobody has to approve. Of rows that were refused there is nothing to approve."""
    numbers = [row for row in rows if "metrics" in row.payload]
    conn.execute(
        """
        insert into app.entry_approvals (entry_id, version, decided_at, decided_by, decision)
        select entry_id, version, %s, %s, 'approved'
        from unnest(%s::text [], %s::integer []) as numbers (entry_id, version)
        join raw.manual_entries using (entry_id, version)
        order by entry_id
        """,
        [now, POLICY, [row.entry_id for row in numbers], [row.version for row in numbers]],
    )
