"""The inbox: a folder of the working folder into which people put files of entries; a loaded one moves to `done`."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from shutil import rmtree

import psycopg

from storykeep.entries.evidence import REJECTED, beside
from storykeep.entries.load import Loaded, Request, load_file, person
from storykeep.entries.table import SUFFIXES
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

log = logging.getLogger(__name__)

# No two runs take the same file.
INBOX_LOCK = 5_701_944_028
# A name, and no way out of the folder.
NAME = re.compile(r"[^/\\\x00]{1,200}")


@dataclass(frozen=True)
class Taken:
    """What came of one file of the inbox: what was loaded, or why it could not be. Then it stays where it is."""

    name: str
    loaded: Loaded | None
    error: StorykeepError | None


def folder(settings: Settings) -> Path:
    """Where the inbox is."""
    return settings.work_dir / "inbox"


def take_in(conn: psycopg.Connection, settings: Settings, request: Request, now: datetime, run_id: str) -> list[Taken]:
    """Load the file that the request names, or every file of the inbox when it names none (an empty path).

    Each file has a run id of its own that begins with `run_id`. Raises StorykeepError when the author is no person, a
    file that was named is not there, or the folder cannot be written.
    """
    inbox = folder(settings)
    author = person(request.author)
    try:
        (inbox / "done").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorykeepError(
            f"cannot be written ({error.strerror})", where=str(inbox), remedy="make it writable"
        ) from None
    conn.execute("select pg_advisory_lock(%s)", [INBOX_LOCK])
    conn.commit()
    try:
        files = [_named(inbox, request.path)] if request.path.name else _waiting(inbox)
        return [
            _take(conn, settings, replace(request, path=file, author=author), now, f"{run_id}/{number}")
            for number, file in enumerate(files)
        ]
    finally:
        conn.rollback()
        conn.execute("select pg_advisory_unlock(%s)", [INBOX_LOCK])
        conn.commit()


def forget(settings: Settings, file_hashes: Sequence[str]) -> int:
    """Delete loaded files, with what was rejected of them and their screenshots; returns how many."""
    done = folder(settings) / "done"
    gone = [path for digest in file_hashes for path in done.glob(f"{digest}_*")]
    try:
        for path in gone:
            if path.is_dir():
                rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise StorykeepError(
            f"a loaded file cannot be deleted: {error.strerror}", where=str(done), remedy="mend the disk, and try again"
        ) from None
    return len(gone)


def _waiting(inbox: Path) -> list[Path]:
    """The files that are to be loaded, by name; one whose name begins with a dot is still being written."""
    return sorted(
        path
        for path in inbox.iterdir()
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
        and not path.is_symlink()
    )


def _named(inbox: Path, path: Path) -> Path:
    file = inbox / path.name
    if str(path) != path.name or not NAME.fullmatch(path.name) or file.is_symlink() or not file.is_file():
        raise StorykeepError(
            "there is no such file in the inbox", where=path.name, remedy=f"put it into {inbox}, and name it alone"
        )
    return file


def _take(conn: psycopg.Connection, settings: Settings, request: Request, now: datetime, run_id: str) -> Taken:
    path = request.path
    try:
        loaded = load_file(conn, settings, request, now, run_id)
    except StorykeepError as error:
        log.error("%s: %s", path.name, error)
        return Taken(path.name, None, error)
    done = path.parent / "done" / f"{loaded.file_hash}_{path.name}"
    if loaded.reject_file:
        # Its screenshots stay for the rows that are still to be mended.
        loaded.reject_file.replace(done.with_name(done.name + REJECTED))
    else:
        for shots in beside(path):
            if shots.exists() and not shots.is_symlink():
                shots.replace(done.with_name(f"{loaded.file_hash}_{shots.name}"))
    path.replace(done)
    log.info(
        "%s: %d landed, %d unchanged, %d rejected", path.name, loaded.landed, loaded.unchanged, len(loaded.rejected)
    )
    for note in loaded.notes:
        log.warning("%s: %s", path.name, note)
    return Taken(path.name, loaded, None)
