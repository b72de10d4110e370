"""The folder in which replies wait for the warehouse: one file per chunk, named by its time and its run."""

import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from storykeep.capture.outage import private_file
from storykeep.capture.outage.spooled import FORMAT, Record
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

log = logging.getLogger(__name__)

FOLDER = "spool"
_TIME = "%Y%m%dT%H%M%S.%fZ"
# Chunks of the same moment stay in their order.
_numbers = count()


@dataclass(frozen=True)
class Waiting:
    """What waits in the spool: files of replies, the oldest of them, and files that were set aside as damaged."""

    files: int = 0
    oldest: datetime | None = None
    damaged: int = 0


NOTHING = Waiting()


def folder(settings: Settings) -> Path:
    """Where this deployment's spool is."""
    return settings.work_dir / FOLDER


def write(place: Path, record: Record) -> None:
    """Keep a record for good. Raises StorykeepError, and leaves what is there as it is, when that is not possible."""
    at = record.at.astimezone(UTC).strftime(_TIME)
    name = f"replies-{at}-{next(_numbers):08}-{_digest(record.run_id.encode())[:16]}-{secrets.token_hex(4)}.json"
    _write(place / name, record)


def files(place: Path, *, since: datetime | None = None) -> list[Path]:
    """The files of replies that came at `since` or later, oldest first."""
    return [path for path in sorted(place.glob("replies-*.json")) if since is None or _time_of(path) >= since]


def by_run(place: Path) -> list[list[Path]]:
    """All files, those of one run together; the run that began first comes first."""
    found: dict[str, list[Path]] = {}
    for path in files(place):
        found.setdefault(path.name.rpartition("-")[0].rpartition("-")[2], []).append(path)
    return list(found.values())


def read(path: Path) -> Record:
    """The record in a file. Raises StorykeepError when it is not as it was written."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
        if digest.decode("latin-1") != _digest(content):
            raise ValueError("the file is not as it was written")
        return FORMAT.validate_json(content)
    except (OSError, ValueError) as error:
        raise StorykeepError(f"these replies cannot be read: {error}".partition("\n")[0], where=str(path)) from None


def records(place: Path, *, since: datetime | None = None) -> Iterator[Record]:
    """What can be read of the spool, oldest first; what cannot be is left for the drain to set aside."""
    for path in files(place, since=since):
        try:
            yield read(path)
        except StorykeepError as error:
            log.error("%s", error)


def forget(place: Path, account_id: str) -> int:
    """Take what came of an account out of the spool; returns how many answers.

    A file that nobody can read goes when the account's id stands in it. Raises StorykeepError when the folder refuses.
    """
    forgotten = 0
    for path in [*place.glob("replies-*.json"), *place.glob("replies-*.bad")]:
        try:
            record = read(path)
        except StorykeepError:
            forgotten += _remove_if_named(path, account_id)
            continue
        rest = _without(record, account_id)
        if rest == record:
            continue
        forgotten += len(record.answers) - len(rest.answers)
        if rest.answers or rest.unlisted:
            _write(path, rest)
        else:
            path.unlink(missing_ok=True)
    return forgotten


def set_aside(path: Path) -> Path:
    """Take a file that cannot be landed out of the way, without losing it; returns what it is called now."""
    return path.rename(path.with_name(f"{path.name}.bad"))


def waiting(place: Path) -> Waiting:
    """What waits there."""
    found = files(place)
    return Waiting(len(found), _time_of(found[0]) if found else None, len(list(place.glob("replies-*.bad"))))


def _write(path: Path, record: Record) -> None:
    content = FORMAT.dump_json(record)
    private_file.write(path, _digest(content).encode() + b"\n" + content)


def _without(record: Record, account_id: str) -> Record:
    return replace(
        record,
        answers=tuple(answer for answer in record.answers if answer.key.account_id != account_id),
        unlisted=tuple(other for other in record.unlisted if other != account_id),
        token_versions={other: version for other, version in record.token_versions.items() if other != account_id},
    )


def _remove_if_named(path: Path, account_id: str) -> bool:
    """Says whether it did; a file that a drain has landed meanwhile is gone already."""
    with suppress(FileNotFoundError):
        if account_id.encode() in path.read_bytes():
            path.unlink()
            return True
    return False


def _time_of(path: Path) -> datetime:
    text = path.name.split("-")[1]
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise StorykeepError(
            f"{path.name} is no file of the spool", where=str(path.parent), remedy="remove it"
        ) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
