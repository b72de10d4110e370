"""Reads single cells as people write them: counts, moments, addresses. What could mean two things is refused."""

import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

Decimal = Literal[".", ","]

MOST = 10**12
LONGEST_ADDRESS = 2048
# Groups of three under one and the same mark; no number begins with a group that is 0.
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:([., '\u2019])[0-9]{3})(?:\1[0-9]{3})*")
_PLAIN = re.compile(r"[0-9]{1,20}")
_NOTHING_BEHIND = re.compile(r"(.+)([.,])(0+)")
_NEGATIVE = re.compile(r"[-\u2010-\u2015\u2212]\s*[0-9(].*|\([0-9][^()]*\)")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?(Z|[+-]\d{2}:?\d{2})?", re.ASCII | re.IGNORECASE
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EITHER = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})\b.*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_ANSWERS = {"yes": "yes", "y": "yes", "true": "yes", "no": "no", "n": "no", "false": "no"}


class CellError(Exception):
    """A cell that cannot be taken: why, and what its writer can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(reason)


@lru_cache(maxsize=100_000)
def count(text: str, decimal: Decimal | None = None) -> int:
    """A whole number of 0 or more, with or without marks between groups of three.

    Without a stated decimal sign, both `1,234` and `1.234` are 1234, since a count has no fraction; `1,23` and
    `1.2345` could be anything. A fraction of zeros, as in `12.0`, is none. Raises CellError.
    """
    number = unicodedata.normalize("NFKC", text).strip()
    if _NEGATIVE.fullmatch(number):
        raise CellError(f"{text!r} is negative", "a count is 0 or more; leave it empty if it is unknown")
    digits = _whole(number, decimal)
    if digits is None:
        raise CellError(
            f"{text!r} is no whole number for certain",
            "write all its digits, such as 1234; leave it empty if it is unknown or withheld",
        )
    if digits > MOST:
        raise CellError(f"{text!r} is larger than any count can be", "check the number")
    return digits


def _whole(number: str, decimal: Decimal | None) -> int | None:
    """What these digits come to; None where that is not certain."""
    sign = None
    behind = _NOTHING_BEHIND.fullmatch(number)
    if behind and (behind[2] == decimal or (decimal is None and len(behind[3]) < 3)):
        number, sign = behind[1], behind[2]
    if _PLAIN.fullmatch(number):
        return int(number)
    grouped = _GROUPED.fullmatch(number)
    if grouped is None or grouped[1] in (sign, decimal):
        return None
    return int(number.replace(grouped[1], ""))


@lru_cache(maxsize=100_000)
def moment(text: str, zone: tzinfo = UTC, date_format: str | None = None) -> datetime:
    """A moment, in UTC: ISO 8601 or as `date_format` states it. `zone` is that of times that name none themselves.

    Nothing is guessed: 03/04 is refused without a format, a mere day always, and so is an hour that the clocks of
    `zone` skip or have twice. Raises CellError.
    """
    try:
        naive = _read(text.strip(), date_format)
        return (naive if naive.tzinfo else _placed(naive, zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CellError(f"{text!r} is not a moment in time", _shape(date_format)) from None


def _read(text: str, date_format: str | None) -> datetime:
    iso = _ISO.fullmatch(text)
    if date_format is not None and not (iso and "T" in text.upper()):
        return datetime.strptime(text, date_format)
    if iso:
        return datetime.fromisoformat(f"{iso[1]}T{iso[2]}{(iso[3] or '').upper()}")
    if _DAY.fullmatch(text):
        raise CellError(f"{text!r} is a day, and not a moment", f"write the time too: {text}T10:15")
    if either := _EITHER.fullmatch(text):
        raise _undecided(text, either)
    raise ValueError(text)


def _undecided(text: str, either: re.Match[str]) -> CellError:
    """Day first or month first: the remedy names the formats that fit the text."""
    mark, year = either[2], "%Y" if len(either[4]) == 4 else "%y"
    first, second = (f"'{mark.join((*order, year))} %H:%M'" for order in (("%d", "%m"), ("%m", "%d")))
    return CellError(
        f"{text!r} does not say which is the day and which the month",
        f"write 2026-11-21T10:15, or state the date format: {first} or {second}",
    )


def _placed(naive: datetime, zone: tzinfo) -> datetime:
    early, late = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early
    is_there = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive
    raise CellError(
        f"{naive:%Y-%m-%d %H:%M} {'exists twice' if is_there else 'does not exist'} in {zone}",
        "add the offset, such as +01:00",
    )


def _shape(date_format: str | None) -> str:
    return (
        f"write it as {date_format!r} says, or like 2026-11-21T10:15:00Z"
        if date_format
        else ("write it like 2026-11-21T10:15:00Z, or state the date format")
    )


def address(text: str) -> str:
    """A web address, kept as a text: nothing ever fetches it. Raises CellError."""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web or len(text) > LONGEST_ADDRESS or not text.isprintable() or " " in text:
        raise CellError(
            "is no web address", "copy the whole address, from https:// on; leave it empty if there is none"
        )
    return text


def permalink(text: str) -> str:
    """A link to a story at Instagram, without what differs from share to share. Raises CellError."""
    parts = urlsplit(address(text))
    path = parts.path.rstrip("/")
    if (parts.hostname or "").lower() not in ("instagram.com", "www.instagram.com") or not path:
        raise CellError("is no link to a story at Instagram", "it begins with https://www.instagram.com/stories/")
    return f"https://www.instagram.com{path}"


def line(text: str, longest: int) -> str:
    """A text for people; line breaks are fine. Raises CellError."""
    if _CONTROL.search(text.replace("\r\n", "\n")):
        raise CellError("holds control characters", "type it anew")
    if len(text) > longest:
        raise CellError(f"is longer than {longest:,} characters", "shorten it")
    return text.replace("\r\n", "\n")


def answer(text: str) -> str:
    """Yes or no. Raises CellError."""
    try:
        return _ANSWERS[text.strip().lower()]
    except KeyError:
        raise CellError(f"{text!r} is neither yes nor no", "write yes or no") from None
