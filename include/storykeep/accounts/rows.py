"""Reads the accounts file: CSV to checked rows, and a clear fault for every row that will not do."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS, Flavour

COLUMNS = (
    "login_flavour",
    "ig_user_id",
    "username",
    "access_token",
    "token_expires_at",
    "data_access_expires_at",
    "page_id",
    "page_access_token",
)
OPTIONAL = ("creator", "consent_text_version", "usage_rights")

USERNAME = re.compile(r"[a-z0-9._]{1,30}")
NUMERIC_ID = re.compile(r"[0-9]{1,25}")
TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class AccountRow:
    """One account of the file. An account without a token is known but not connected; empty times are unknown."""

    line: int
    login_flavour: Flavour
    ig_user_id: str
    username: str
    creator: str | None
    token: SecretStr | None
    token_expires_at: datetime | None
    data_access_expires_at: datetime | None
    page_id: str | None
    page_token: SecretStr | None
    consent_text_version: str | None = None
    usage_rights: str | None = None


def read_accounts(source: Path | str) -> tuple[list[AccountRow], list[StorykeepError]]:
    """The good rows of a file (or of its text), and a fault for each of the others.

    Raises StorykeepError when nothing of it can be used: not to be read, not UTF-8, empty, or with wrong columns.
    """
    name = source.name if isinstance(source, Path) else "accounts"
    reader = csv.reader(io.StringIO(_text(source), newline=""), strict=True)
    rows: list[AccountRow] = []
    faults: list[StorykeepError] = []
    lines: dict[str, int] = {}
    try:
        header = _header(next(reader, []), name)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                row = _row(header, cells, f"{name} line {reader.line_num}", reader.line_num)
                _refuse_second(row, lines, name)
            except StorykeepError as fault:
                faults.append(fault)
            else:
                rows.append(row)
    except csv.Error as error:
        faults.append(
            StorykeepError(
                f"the rest cannot be read as CSV ({error})",
                where=f"{name} line {reader.line_num}",
                remedy="look for a quotation mark without its partner",
            )
        )
    return rows, faults


def _text(source: Path | str) -> str:
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        return source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StorykeepError(
            f"this file cannot be read ({error.strerror})", where=str(source), remedy="check the path"
        ) from None
    except UnicodeDecodeError:
        raise StorykeepError("this file is not UTF-8", where=str(source), remedy="save it as CSV UTF-8") from None


def _header(cells: Sequence[str], name: str) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    if not any(header):
        raise StorykeepError("the file is empty", where=name, remedy=f"its first line is: {','.join(COLUMNS)}")
    missing = [column for column in COLUMNS if column not in header]
    unknown = [column for column in header if column not in (*COLUMNS, *OPTIONAL)]
    twice = sorted({column for column in header if header.count(column) > 1})
    faults = (("missing", missing), ("unknown", unknown), ("there twice", twice))
    told = "; ".join(f"{what}: {', '.join(columns)}" for what, columns in faults if columns)
    if told:
        raise StorykeepError(
            f"wrong columns ({told})", where=f"{name} line 1", remedy=f"separate by commas: {','.join(COLUMNS)}"
        )
    return header


def _row(header: Sequence[str], cells: Sequence[str], where: str, line: int) -> AccountRow:
    if len(cells) != len(header):
        raise StorykeepError(
            f"{len(cells)} cells under {len(header)} columns",
            where=where,
            remedy="quote cells that hold a comma, and leave empty ones empty",
        )
    row = _Cells(dict(zip(header, (cell.strip() for cell in cells), strict=True)), where)
    token, page_token = row.token("access_token"), row.token("page_access_token")
    return AccountRow(
        line=line,
        login_flavour=row.flavour(),
        ig_user_id=row.numeric_id("ig_user_id") or row.missing("ig_user_id"),
        username=row.username(),
        creator=row.line("creator"),
        token=token,
        token_expires_at=row.time("token_expires_at"),
        data_access_expires_at=row.time("data_access_expires_at"),
        page_id=row.numeric_id("page_id"),
        page_token=page_token,
        consent_text_version=row.line("consent_text_version"),
        usage_rights=row.line("usage_rights"),
    )


def _refuse_second(row: AccountRow, lines: dict[str, int], name: str) -> None:
    first = lines.setdefault(row.ig_user_id, row.line)
    if first != row.line:
        raise StorykeepError(
            f"account {row.ig_user_id} stands in line {first} already",
            where=f"{name} line {row.line}, column ig_user_id",
            remedy="keep one row per account",
        )


@dataclass(frozen=True)
class _Cells:
    """The cells of one row by column. Each method checks one; what is empty is None. Tokens are never quoted back."""

    cells: Mapping[str, str]
    where: str

    def flavour(self) -> Flavour:
        """The login flavour."""
        for flavour in FLAVOURS:
            if self.cells["login_flavour"].lower() == flavour:
                return flavour
        raise self._fault(
            "login_flavour", f"{self.cells['login_flavour']!r} is no login flavour", " or ".join(FLAVOURS)
        )

    def numeric_id(self, column: str) -> str | None:
        """An id as digits."""
        text = self.cells[column]
        if text and not NUMERIC_ID.fullmatch(text):
            raise self._fault(column, f"{text!r} is not a numeric id", "digits only, and no spreadsheet's 1.78E+16")
        return text or None

    def missing(self, column: str) -> str:
        """Raises: this column may not be empty."""
        raise self._fault(column, "is empty", "fill it in")

    def username(self) -> str:
        """The handle, without @ and in lower case, as Instagram writes it."""
        username = self.cells["username"].removeprefix("@").lower()
        if not USERNAME.fullmatch(username):
            text = self.cells["username"]
            raise self._fault("username", f"{text!r} is no Instagram handle", "letters, digits, . and _, at most 30")
        return username

    def line(self, column: str) -> str | None:
        """A text for people, from a column that need not be there."""
        text = self.cells.get(column, "")
        if not text.isprintable():
            raise self._fault(column, "holds control characters", "write it in one line")
        return text or None

    def time(self, column: str) -> datetime | None:
        """An ISO 8601 time."""
        return parse_time(self.cells[column], where=f"{self.where}, column {column}") if self.cells[column] else None

    def token(self, column: str) -> SecretStr | None:
        """A token."""
        text = self.cells[column]
        if text and not TOKEN.fullmatch(text):
            raise self._fault(column, "holds characters that no token has", "copy the token again, without spaces")
        return SecretStr(text) if text else None

    def _fault(self, column: str, what: str, remedy: str) -> StorykeepError:
        return StorykeepError(what, where=f"{self.where}, column {column}", remedy=remedy)
