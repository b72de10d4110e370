"""Writes the rejected rows of a file beside it, so that they can be mended there and loaded again."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from storykeep.entries.entry import Fault, Rejected
from storykeep.entries.evidence import REJECTED
from storykeep.entries.kinds import VERDICT
from storykeep.entries.row import DANGEROUS
from storykeep.errors import StorykeepError


def write_rejected(path: Path, header: Sequence[str], rejected: Sequence[Rejected]) -> Path | None:
    """Write what was rejected of the file `path`; returns where, or None when nothing was.

    A file from an earlier load goes: it would tell of rows that are good by now. Raises StorykeepError when the folder
    cannot be written.
    """
    target = path.with_name(path.name + REJECTED)
    part = target.with_name(f".{uuid4()}.part")
    try:
        if not rejected:
            target.unlink(missing_ok=True)
            return None
        try:
            part.write_text(_text(header, rejected), encoding="utf-8-sig", newline="", errors="replace")
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorykeepError(
            f"the rejected rows cannot be written ({error.strerror})",
            where=str(target),
            remedy="make the folder writable, and load the file again: the good rows have landed",
        ) from None
    return target


def _text(header: Sequence[str], rejected: Sequence[Rejected]) -> str:
    columns = [column for column in header if column not in VERDICT]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*VERDICT, *columns])
    for one in rejected:
        cells = [one.line.cells.get(column) or "" for column in columns]
        writer.writerow([str(one.line.row), *_verdict(one.faults), *map(harmless, cells)])
    return text.getvalue()


def _verdict(faults: Sequence[Fault]) -> list[str]:
    columns = ((fault.column, fault.reason, fault.remedy) for fault in faults)
    return [harmless("; ".join(dict.fromkeys(filter(None, told)))) for told in zip(*columns, strict=True)]


def harmless(cell: str) -> str:
    """The cell, with a quotation mark in front where a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.startswith(DANGEROUS) else cell
