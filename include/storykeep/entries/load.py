"""Loads a file of entries: good rows land in one transaction, the others come back as a file with reasons."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from storykeep.entries import switches
from storykeep.entries.check import check, handles_of, story_ids_of
from storykeep.entries.entry import Reading, Rejected
from storykeep.entries.evidence import Evidence, evidence_of
from storykeep.entries.kinds import KINDS
from storykeep.entries.known import look_up
from storykeep.entries.landing import POLICY, File, land_file, preview
from storykeep.entries.reject_file import write_rejected
from storykeep.entries.table import Table, read_table
from storykeep.errors import StorykeepError
from storykeep.landing.storage import open_root
from storykeep.settings import Settings

LONGEST_NAME = 100


@dataclass(frozen=True)
class Request:
    """A file that is to be loaded, by whom, and how it is to be read. A dry run changes nothing."""

    path: Path
    author: str
    reading: Reading
    delimiter: str | None = None
    evidence: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Loaded:
    """What came of a file; `reject_file` holds the rejected rows, unless there are none or it was a dry run."""

    file_hash: str
    landed: int
    unchanged: int
    rejected: tuple[Rejected, ...]
    reject_file: Path | None
    notes: tuple[str, ...]


def load_file(conn: psycopg.Connection, settings: Settings, request: Request, now: datetime, run_id: str) -> Loaded:
    """Check a file, land its good rows and commit, and write its rejected rows beside it.

    The same file again changes nothing but for rows that were rejected before. Raises StorykeepError when the file as
    a whole cannot be used; then nothing has changed.
    """
    author = person(request.author)
    table = read_table(request.path, request.delimiter)
    _require_kind(request, table)
    root = None if request.dry_run else open_root(settings.media_root)
    with evidence_of(request.path, request.evidence, root) as evidence:
        try:
            known = look_up(conn, handles_of(table), story_ids_of(table))
            entries, rejected = check(table, request.reading, known, evidence, now)
            file = File(table.file_hash, request.path.name, author, now, run_id, settings.entry_approval)
            if request.dry_run:
                landed, unchanged = preview(conn, table.file_hash, entries)
            else:
                evidence.settle()
                with conn.transaction():
                    landed, unchanged = land_file(conn, file, entries, len(rejected))
                conn.commit()
        finally:
            _drop_unused(conn, evidence)
    notes = [*table.notes, *switches.warnings(conn, entries)]
    if refused := len(entries) - landed - unchanged:
        notes.append(f"{refused} rows are of an account or a story that was purged meanwhile, and were not taken in")
    conn.rollback()
    reject_file = None if request.dry_run else write_rejected(request.path, table.header, rejected)
    return Loaded(table.file_hash, landed, unchanged, tuple(rejected), reject_file, tuple(notes))


def person(name: str) -> str:
    """The name of whoever enters or decides. Raises StorykeepError when it is none."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name.casefold() == POLICY:
        raise StorykeepError(f"{name!r} is no name of a person", where="--by", remedy="write one, such as ida")
    return name


def _require_kind(request: Request, table: Table) -> None:
    if request.reading.kind is None and "kind" not in table.header:
        raise StorykeepError(
            "does not say what kind of entries it holds",
            where=request.path.name,
            remedy=f"name it (--kind {' or '.join(KINDS)}), or give it a column kind",
        )


def _drop_unused(conn: psycopg.Connection, evidence: Evidence) -> None:
    """Files that were kept for rows which did not land after all."""
    if evidence.root is None or not evidence.kept:
        return
    used = conn.execute(
        "select distinct evidence_path from raw.manual_entries where evidence_path = any(%s)", [list(evidence.kept)]
    )
    for path in evidence.kept - {path for (path,) in used}:
        (evidence.root / path).unlink(missing_ok=True)
