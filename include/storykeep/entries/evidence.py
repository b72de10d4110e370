"""The screenshots beside a file of entries: found by name in a folder or zip, known by their bytes, kept by their hash.

A name leads nowhere else: it is looked up among the files that are there, and never becomes a part of a path.
"""

import lzma
import os
import stat
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from upath import UPath

from storykeep.entries.cells import CellError
from storykeep.errors import StorykeepError
from storykeep.landing import storage
from storykeep.landing.payload import bytes_hash

FOLDER = "evidence/"
REJECTED = ".rejected.csv"
MAX_BYTES = 20 * 2**20
SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"%PDF-", "pdf"))

Read = Callable[[], bytes]


@dataclass(frozen=True)
class Shot:
    """A piece of evidence: the sha256 of its bytes, and its path in the storage."""

    content_hash: str
    path: str


@dataclass
class Evidence:
    """The files that a file of entries may name. Without a root they are looked at, and not kept."""

    place: str
    root: UPath | None
    files: dict[str, list[Read]]
    kept: set[str] = field(default_factory=set)
    taken: dict[str, Shot] = field(default_factory=dict)

    def take(self, name: str) -> Shot:
        """Keep the file of this name. Raises CellError when there is none, or it is no picture or PDF."""
        if name not in self.taken:
            self.taken[name] = self._take(name)
        return self.taken[name]

    def _take(self, name: str) -> Shot:
        if name in (".", "..") or any(sign in name for sign in "/\\\0"):
            raise CellError(f"{name!r} is no plain file name", "write the name of the file alone, without folders")
        found = self.files.get(_normal(name), [])
        if len(found) != 1:
            what = "there are several files" if found else "there is no file"
            raise CellError(f"{what} {name!r} in {self.place}", "put one there, with exactly this name")
        body = found[0]()
        if len(body) > MAX_BYTES:
            raise CellError(f"{name!r} is larger than {MAX_BYTES // 2**20} MB", "make a smaller screenshot")
        digest = bytes_hash(body)
        path = f"{FOLDER}{digest[:2]}/{digest}.{_suffix(name, body)}"
        if self.root is not None and not _is_kept(self.root / path, len(body)):
            storage.keep([body], self.root, path.rpartition(".")[2], folder=FOLDER, at_once=False)
            self.kept.add(path)
        return Shot(digest, path)

    def settle(self) -> None:
        """Return when all that was kept is on the disk."""
        if self.root is not None and self.kept:
            storage.settle(self.root)


@contextmanager
def evidence_of(path: Path, told: Path | None, root: UPath | None) -> Iterator[Evidence]:
    """The evidence of a file of entries: where it was told, or the zip or the folder of the same name beside it.

    Raises StorykeepError when the place that was told cannot be read.
    """
    places = beside(path)
    place = told or next((one for one in places if one.exists()), None)
    if place is None:
        yield Evidence(f"{places[0].name} or {places[1].name}/, as neither is there", root, {})
        return
    try:
        if place.is_dir():
            yield Evidence(f"{place.name}/", root, _in_folder(place))
            return
        with ZipFile(place) as archive:
            yield Evidence(place.name, root, _in_zip(archive))
    except (OSError, BadZipFile) as error:
        if isinstance(error, OSError) and error.filename not in (str(place), place):
            raise
        raise StorykeepError(
            f"the evidence cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})",
            where=str(place),
            remedy="name a folder or a zip file",
        ) from None


def beside(path: Path) -> tuple[Path, Path]:
    """The zip and the folder that go with a file of entries, or with the file of its rejected rows."""
    first = path.with_name(path.name.removesuffix(REJECTED))
    return first.with_suffix(".zip"), first.with_suffix("")


def _is_kept(path: UPath, size: int) -> bool:
    """Whether it is there, whole: a power cut may have left an empty one."""
    return bool(path.exists() and path.stat().st_size == size)


def _in_folder(folder: Path) -> dict[str, list[Read]]:
    """Regular files only: a link may lead anywhere, and a pipe nowhere."""
    files: dict[str, list[Read]] = defaultdict(list)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                files[_normal(entry.name)].append(lambda path=entry.path: _read(path))  # type: ignore[misc]
    return files


def _read(path: str) -> bytes:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with open(opened, "rb") as file:
        return file.read(MAX_BYTES + 1)


def _in_zip(archive: ZipFile) -> dict[str, list[Read]]:
    """Members by their last name, whatever folders they are in: nothing is ever unpacked to where they say."""
    files: dict[str, list[Read]] = defaultdict(list)
    for member in archive.infolist():
        if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
            name = _normal(PurePosixPath(member.filename).name)
            files[name].append(lambda one=member: _unpacked(archive, one))  # type: ignore[misc]
    return files


def _unpacked(archive: ZipFile, member: ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(MAX_BYTES + 1)
    except (BadZipFile, RuntimeError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise CellError(
            f"it cannot be unpacked ({type(error).__name__})", "make the zip file anew, without a password"
        ) from None


def _suffix(name: str, body: bytes) -> str:
    """By what it is, not by what it is called."""
    for begins, suffix in SIGNATURES:
        if body.startswith(begins):
            return suffix
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "webp"
    raise CellError(f"{name!r} is neither PNG, JPEG, WebP nor PDF", "save the screenshot as one of these")


def _normal(name: str) -> str:
    """File systems disagree on how to write an accent."""
    return unicodedata.normalize("NFC", name)
