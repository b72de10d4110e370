"""The storage of media files: a folder, or an object store."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from upath import UPath

from storykeep.errors import StorykeepError


def open_root(media_root: str) -> UPath:
    """The storage. Raises StorykeepError when there is none of this kind, or its library is not installed."""
    try:
        root = UPath(media_root)
        _ = root.fs if not isinstance(root, Path) else None
    except (ImportError, ValueError) as error:
        raise StorykeepError(
            str(error),
            where=f"STORYKEEP_MEDIA_ROOT={media_root}",
            remedy="install the library of this storage beside Storykeep (for s3:// it is s3fs), or name a folder",
        ) from None
    return root


def keep(
    pieces: Iterable[bytes], root: UPath, suffix: str, *, folder: str = "", at_once: bool = True
) -> tuple[str, int, str]:
    """Keep bytes under their sha256; returns that, how many they are, and the path below `root`.

    They are written to a temporary file, which is then given its name: nobody ever sees half a file under a hash. With
    `at_once` it is on the disk when this returns; of many files, `settle` says so of all together in far less time.
    """
    root.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    unfinished = root / f".{uuid4()}.part"
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
            file.flush()
            if at_once and isinstance(root, Path):
                os.fsync(file.fileno())
        name = digest.hexdigest()
        path = f"{folder}{name[:2]}/{name}.{suffix}"
        home = root / f"{folder}{name[:2]}"
        home.mkdir(parents=True, exist_ok=True)
        unfinished.rename(root / path)
        for changed in dict.fromkeys((home, home.parent, root)) if at_once else ():
            _sync(changed)
    finally:
        unfinished.unlink(missing_ok=True)
    return name, size, path


def settle(root: UPath) -> None:
    """Return when everything that was written is on the disk."""
    if isinstance(root, Path):
        os.sync()


def _sync(folder: UPath) -> None:
    """See to it that a power cut does not take back a name that a folder was given."""
    if isinstance(folder, Path):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
