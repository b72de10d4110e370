"""Reads a file of entries as a table of texts: CSV in whatever encoding and with whatever delimiter, or XLSX.

Nothing is understood here: every cell stays the text that it was.
"""

import io
import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd

from storykeep.entries.kinds import COLUMNS, VERDICT
from storykeep.errors import StorykeepError
from storykeep.landing.payload import bytes_hash

MOST_ROWS = 100_000
MOST_BYTES = 64 * 2**20
# An XLSX file is a zip; what it comes to is bounded as well.
MOST_UNPACKED_BYTES = 2**30
DELIMITERS = (",", ";", "\t", "|")
SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx")
# Spreadsheets keep 15 digits of a number and make the others 0.
SAFE_DIGITS = 10**15
_EXCELS_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
# Cells may stand to the right of the header by so many columns before the file as a whole is refused.
_BEYOND = 20


@dataclass(frozen=True)
class Line:
    """One row of the file. `cells` go by the names of the header, None where the row ends before."""

    row: int
    cells: dict[str, str | None]
    is_longer: bool


@dataclass(frozen=True)
class Table:
    """A file of entries: its header, its rows with their numbers as a spreadsheet shows them, and the sha256 of it."""

    file_hash: str
    header: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


def read_table(path: Path, delimiter: str | None = None) -> Table:
    """Read a file. Empty rows and those whose first cell begins with # are left out.

    Raises StorykeepError when the file as a whole cannot be used.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _unusable(path, f"is larger than {MOST_BYTES // 2**20} MB", _split())
        body = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"this file cannot be read ({error.strerror})", "check the path") from None
    notes: list[str] = []
    if path.suffix.lower() == ".xlsx":
        frame = _spreadsheet(path, body)
    elif path.suffix.lower() in SUFFIXES:
        frame = _separated(path, _text(path, body, notes), delimiter, notes)
    else:
        raise _unusable(
            path, f"{path.suffix or 'no suffix'} is no kind of file that is read", "save it as .csv or .xlsx"
        )
    return _table(path, bytes_hash(body), frame, tuple(notes))


def _text(path: Path, body: bytes, notes: list[str]) -> str:
    """The text of the bytes, in the encoding that they are in."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif body[1:2] == b"\0" or body[:1] == b"\0":  # a header is plain ASCII, so every other byte is 0
        encodings = ["utf-16-le" if body[1:2] == b"\0" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp1252":
            notes.append("it is not UTF-8 and was read as Windows-1252: look whether accents and emoji are right")
        return text
    raise _unusable(path, "its encoding is none that is known", "save it as CSV UTF-8")


def _separated(path: Path, text: str, delimiter: str | None, notes: list[str]) -> pd.DataFrame:
    told = _EXCELS_HINT.match(text)
    if told:
        text = "\n" + text[told.end() :]  # an empty row, so that the numbers of the rows stay
        delimiter = delimiter or told[1]
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = delimiter or max(DELIMITERS, key=lambda sign: len(_known(first.split(sign))))
    if delimiter != ",":
        notes.append(f"its cells are separated by {'tabs' if delimiter == chr(9) else delimiter}")
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None,
            names=range(len(first.split(delimiter)) + _BEYOND),
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
            engine="python",  # the other one silently drops what it cannot read
            nrows=MOST_ROWS + 2,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, TypeError) as error:
        raise _unusable(
            path,
            f"cannot be read as CSV: {error}",
            "look for a quotation mark without its partner, or a stray delimiter",
        ) from None


def _spreadsheet(path: Path, body: bytes) -> pd.DataFrame:
    """The first sheet."""
    try:
        with ZipFile(io.BytesIO(body)) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED_BYTES:
                raise _unusable(path, "is too large when unpacked", _split())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and such that are not read
            frame = pd.read_excel(
                io.BytesIO(body), engine="openpyxl", header=None, dtype=object, na_filter=False, nrows=MOST_ROWS + 2
            )
    except StorykeepError:
        raise
    except Exception as error:  # the libraries raise anything over a damaged file
        raise _unusable(
            path, f"this is no spreadsheet that can be read ({type(error).__name__})", "save it again as .xlsx or .csv"
        ) from None
    return frame.map(_as_text)


def _as_text(value: Any) -> str:
    """What a spreadsheet's cell says, so that nothing of it is taken for more than it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= SAFE_DIGITS:
        return f"{value:.5E}"  # as the spreadsheet shows it: its last digits are lost
    if isinstance(value, float):
        return f"{value!r}0" if "e" not in repr(value) else repr(value)  # 1.234 is no 1,234, which 1.2340 shows
    if isinstance(value, datetime):
        # A cell without a time of day is a day, and not midnight.
        return value.isoformat() if value.time().isoformat() != "00:00:00" else value.date().isoformat()
    return str(value)


def _table(path: Path, file_hash: str, frame: pd.DataFrame, notes: tuple[str, ...]) -> Table:
    if len(frame) > MOST_ROWS + 1:
        raise _unusable(path, f"has more than {MOST_ROWS:,} rows", _split())
    rows = enumerate(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None), start=1)
    filled = [(number, cells) for number, cells in rows if any(cell and cell.strip() for cell in cells)]
    if not filled:
        raise _unusable(path, "the file is empty", "make one with: storykeep entries template")
    (at, names), *rest = filled
    header = _header(path, at, names)
    lines = tuple(
        _line(number, header, cells) for number, cells in rest if not (cells[0] or "").lstrip().startswith("#")
    )
    return Table(file_hash, header, lines, notes)


def _header(path: Path, at: int, names: tuple[str | None, ...]) -> tuple[str, ...]:
    header = [_named(name or "") for name in names]
    while header and not header[-1]:
        header.pop()
    unknown = [name or "(no name)" for name in header if name not in COLUMNS and name not in VERDICT]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    told = [f"{what}: {', '.join(which)}" for what, which in (("unknown", unknown), ("there twice", twice)) if which]
    if told:
        raise StorykeepError(
            f"wrong columns ({'; '.join(told)})",
            where=f"{path.name} row {at}",
            remedy="the first row names the columns; storykeep entries template KIND shows them",
        )
    return tuple(header)


def _named(name: str) -> str:
    return "_".join(name.strip().lower().split())


def _known(names: list[str]) -> set[str]:
    return {_named(name.strip('"')) for name in names} & (COLUMNS.keys() | set(VERDICT))


def _line(row: int, header: tuple[str, ...], cells: tuple[str | None, ...]) -> Line:
    beyond = any(cell and cell.strip() for cell in cells[len(header) :])
    return Line(row, dict(zip(header, cells, strict=False)), beyond)


def _split() -> str:
    return f"split it into files of at most {MOST_ROWS:,} rows"


def _unusable(path: Path, what: str, remedy: str) -> StorykeepError:
    return StorykeepError(what, where=path.name, remedy=remedy)
