"""What a row of a file comes to: an entry, or the faults that it is refused for."""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from storykeep.entries import cells
from storykeep.entries.evidence import Shot
from storykeep.entries.kinds import STORY, Kind
from storykeep.entries.table import Line
from storykeep.landing.payload import bytes_hash, content_hash


@dataclass(frozen=True)
class Reading:
    """How the texts of a file are to be read, as far as they do not say so themselves."""

    kind: Kind | None = None
    decimal: cells.Decimal | None = None
    date_format: str | None = None
    zone: tzinfo = UTC


@dataclass(frozen=True)
class Entry:
    """One good row."""

    row: int
    kind: Kind
    account_id: str
    story_id: str | None
    campaign_id: str | None
    payload: dict[str, Any]
    evidence: Shot | None

    @property
    def entry_id(self) -> str:
        """Sha256 of what it is about: the same thing entered again is another version of the same entry."""
        told = {"story_id": self.story_id, **self.payload}
        story = next(f"{column}={told[column]}" for column in STORY if told.get(column))
        return bytes_hash("\n".join((self.kind, self.account_id, self.campaign_id or "", story)).encode())

    @property
    def content_hash(self) -> str:
        """Sha256 of what it says."""
        return entry_hash(self.story_id, self.payload, self.evidence.content_hash if self.evidence else None)


def entry_hash(story_id: str | None, payload: dict[str, Any], evidence: str | None, *, withdrawn: bool = False) -> str:
    """Sha256 of what one version of an entry says."""
    return content_hash({"story_id": story_id, "payload": payload, "evidence": evidence, "withdrawn": withdrawn})


@dataclass(frozen=True)
class Fault:
    """What is wrong with one cell, or with the row where `column` is empty."""

    column: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Rejected:
    """A row that was not taken, with its cells as they came."""

    line: Line
    faults: tuple[Fault, ...]
