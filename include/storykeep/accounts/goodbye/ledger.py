"""The deletion requests in a file beside the warehouse, so that a restored backup cannot forget them.

It holds random codes and hashes, and one line for each request.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError

NAME = "deletion_requests.jsonl"


@dataclass(frozen=True)
class Line:
    """One request as the file knows it."""

    code: str
    subject_hash: str
    account_hashes: list[str]
    requested_at: datetime


def note(work_dir: Path, code: str, subject_hash: str, account_hashes: Sequence[str], at: datetime) -> None:
    """Add a request, for good. Raises StorykeepError when that is not possible."""
    line = {
        "code": code,
        "subject_hash": subject_hash,
        "account_hashes": list(account_hashes),
        "requested_at": at.isoformat(),
    }
    path = work_dir / NAME
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorykeepError(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="free its disk or mend its rights, or name another place (STORYKEEP_WORK_DIR)",
        ) from None


def lines(work_dir: Path) -> Iterator[Line]:
    """The requests in their order. Raises StorykeepError naming a line that cannot be read."""
    path = work_dir / NAME
    if not path.exists():
        return
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        try:
            told = json.loads(text)
            yield Line(told["code"], told["subject_hash"], told["account_hashes"], parse_time(told["requested_at"]))
        except (ValueError, KeyError, TypeError, StorykeepError):
            raise StorykeepError(
                "this line is no deletion request",
                where=f"{path} line {number}",
                remedy="a line that was cut short by a crash can be deleted; its request was not answered",
            ) from None
