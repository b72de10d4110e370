"""Files that only their owner can read, written whole or not at all."""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from storykeep.clock import Clock, system_clock
from storykeep.errors import StorykeepError

# A file that is not finished after so long belongs to a process that was killed.
LEFT_AFTER = timedelta(hours=1)


def write(path: Path, content: bytes) -> None:
    """Write a file (0600) in its folder (0700) so that a crash at any moment leaves the old one or the new one.

    Raises StorykeepError naming the folder when the disk is full or the folder cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{uuid4()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StorykeepError(
            f"cannot be written: {error.strerror or error}",
            where=str(path.parent),
            remedy="free its disk or mend its rights, or name another place (STORYKEEP_WORK_DIR)",
        ) from None


def clear_leftovers(folder: Path, *, clock: Clock = system_clock) -> None:
    """Remove what was being written when a process was killed; `clock` is that of the files."""
    for path in folder.glob(".*.part"):
        with suppress(FileNotFoundError):  # another process may do the same
            if clock() - datetime.fromtimestamp(path.stat().st_mtime, UTC) > LEFT_AFTER:
                path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
