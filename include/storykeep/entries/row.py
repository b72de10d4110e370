"""Reads one row: it is taken whole, or refused with everything that is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar, get_args

from storykeep.entries import cells
from storykeep.entries.cells import CellError
from storykeep.entries.entry import Entry, Fault, Reading
from storykeep.entries.evidence import Evidence
from storykeep.entries.kinds import COLUMNS, KINDS, METRICS, SHAPES, STORY, VERDICT, Kind
from storykeep.entries.known import BY_HAND, Known
from storykeep.entries.table import Line

# Before that, Instagram had no stories.
FIRST_STORY = datetime(2016, 8, 1, tzinfo=UTC)
LONGEST_CAPTION = 5_000
LONGEST_NOTE = 1_000
# In front of what a spreadsheet would take for a formula, a file of rejected rows has a quotation mark.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")

T = TypeVar("T")


@dataclass
class Row:
    """One row under examination: what is wrong with it is collected, so that it can be mended at once."""

    line: Line
    reading: Reading
    known: Known
    now: datetime
    faults: list[Fault] = field(default_factory=list)

    def entry(self, evidence: Evidence) -> Entry | None:
        """The entry, or None when there are faults."""
        kind = self._kind()
        if kind is None:
            return None
        self._shape(kind)
        story_id = self._read("story_id", _story_id)
        posted_at = self._read("posted_at", self._moment)
        payload = {
            "posted_at": posted_at.isoformat() if posted_at else None,
            "permalink": self._read("permalink", cells.permalink),
            "media_type": self._read("media_type", _media_type),
            "caption": self._read("caption", lambda text: cells.line(text, LONGEST_CAPTION)),
            "link": self._read("link", cells.address),
            "observed_at": self._observed_at(posted_at),
            "metrics": self._metrics(kind) if kind == "story_metrics" else None,
            "decision": self._read("decision", cells.answer),
            "note": self._read("note", lambda text: cells.line(text, LONGEST_NOTE)),
        }
        account_id = self._account(story_id)
        campaign_id = self._read("campaign", self._campaign)
        # Last, so that nothing is kept for a row that is refused anyway.
        shot = self._read("evidence", evidence.take) if not self.faults else None
        if self.faults or account_id is None:
            return None
        said = {name: value for name, value in payload.items() if value is not None}
        return Entry(self.line.row, kind, account_id, story_id, campaign_id, said, shot)

    def _kind(self) -> Kind | None:
        text = plain(self.line.cells.get("kind")).lower()
        told: Kind | None = next((kind for kind in get_args(Kind) if kind == text), None)
        if text and told is None:
            self._fault("kind", f"there is no kind {text!r}", f"one of {', '.join(KINDS)}")
        elif text and self.reading.kind not in (None, told):
            self._fault("kind", f"is {text}, where {self.reading.kind} was told", "say one of the two")
            return None
        elif not text and self.reading.kind is None:
            self._fault("kind", "is empty", f"one of {', '.join(KINDS)}; or name it for the whole file: --kind")
        return told or (self.reading.kind if not text else None)

    def _shape(self, kind: Kind) -> None:
        """Whether the right cells are filled in."""
        if self.line.is_longer or None in self.line.cells.values():
            what = "more" if self.line.is_longer else "fewer"
            self._fault(
                "", f"has {what} cells than there are columns", "put cells with a delimiter in them into quotes"
            )
        shape = SHAPES[kind]
        filled = [column for column in self.line.cells if column not in VERDICT and self._text(column)]
        for column in shape.required:
            # The account of a story that was captured is known.
            if column not in filled and not (column == "account" and "story_id" in filled):
                self._fault(column, "is empty", f"fill it in: {COLUMNS[column][0]}")
        for column in filled:
            if column not in shape.columns and column != "kind":
                self._fault(column, f"is no column of {kind}", "leave it empty, or make it a row of its own kind")
        if not any(column in filled for column in STORY) and "posted_at" not in shape.required:
            self._fault("", "does not say which story it is", f"fill in one of {', '.join(STORY)}")

    def _metrics(self, kind: Kind) -> dict[str, int] | None:
        found = {}
        for metric in METRICS:
            value = self._read(metric, lambda text: cells.count(text, self.reading.decimal))
            if value is not None:
                found[metric] = value
        if not found and not any(fault.column in METRICS for fault in self.faults):
            self._fault("", "has no number", f"fill in one of {', '.join(METRICS)}")
        return found or None

    def _observed_at(self, posted_at: datetime | None) -> str | None:
        observed_at = self._read("observed_at", self._moment)
        if observed_at and posted_at and observed_at < posted_at:
            self._fault("observed_at", "is before the story was posted", "check both times, and their time zone")
        return observed_at.isoformat() if observed_at else None

    def _account(self, story_id: str | None) -> str | None:
        """The account by its handle, or by its story."""
        owner = self.known.stories.get(story_id) if story_id else None
        if story_id in self.known.purged:
            self._fault("story_id", "was purged, and is not taken in again", "leave this row out")
        elif story_id and BY_HAND.fullmatch(story_id) and owner is None:
            self._fault("story_id", "there is no such entry of a story", "enter the story first, as story_capture")
        text = self._text("account")
        if not text:
            if story_id and owner is None:
                self._fault("account", "is empty, and the story is not known", "fill it in: the handle of the account")
            return owner
        found = self.known.accounts.get(handle_of(text), [])
        if len(found) != 1:
            what = "several accounts have" if found else "there is no account with"
            remedy = "make it known first: storykeep accounts import; without a token it is not tracked"
            self._fault("account", f"{what} the handle {handle_of(text)!r}", remedy)
            return None
        if owner and owner != found[0]:
            self._fault("story_id", f"is a story of another account than {handle_of(text)}", "check both")
        return found[0]

    def _campaign(self, text: str) -> str:
        if text not in self.known.campaigns:
            raise CellError(f"there is no campaign {text!r}", "its id is meant: storykeep campaigns list")
        return text

    def _moment(self, text: str) -> datetime:
        at = cells.moment(text, self.reading.zone, self.reading.date_format)
        if at > self.now:
            raise CellError(f"{text!r} is in the future", "check it, and its time zone")
        if at < FIRST_STORY:
            raise CellError(f"{text!r} is before there were stories", "check the year")
        return at

    def _read(self, column: str, read: Callable[[str], T]) -> T | None:
        text = self._text(column)
        if not text:
            return None
        try:
            return read(text)
        except CellError as error:
            self._fault(column, error.reason, error.remedy)
            return None

    def _text(self, column: str) -> str:
        return plain(self.line.cells.get(column))

    def _fault(self, column: str, reason: str, remedy: str) -> None:
        self.faults.append(Fault(column, reason, remedy))


def plain(cell: str | None) -> str:
    """What a cell says: without blanks around it, and without the mark that keeps it from being a formula."""
    text = cell or ""
    if text.startswith("'") and text[1:].startswith(DANGEROUS):
        text = text[1:]
    return text.strip(" \u00a0\t\r\n")


def handle_of(text: str) -> str:
    """A handle as the accounts have it."""
    return text.removeprefix("@").lower()


def _story_id(text: str) -> str:
    if not BY_HAND.fullmatch(text) and not (text.isascii() and text.isdigit() and len(text) <= 25):
        raise CellError(f"{text!r} is no id of a story", "digits only; a spreadsheet keeps them in a column of texts")
    return text


def _media_type(text: str) -> str:
    if text.upper() not in ("IMAGE", "VIDEO"):
        raise CellError(f"{text!r} is no type of a story", "write IMAGE or VIDEO")
    return text.upper()
