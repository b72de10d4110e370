"""From the texts of a file to entries, and to the rows that are refused."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from storykeep.entries.entry import Entry, Fault, Reading, Rejected
from storykeep.entries.evidence import Evidence
from storykeep.entries.known import Known
from storykeep.entries.row import Row, handle_of, plain
from storykeep.entries.table import Line, Table

_TELL_APART = "keep the right one; if they are two stories, give each its permalink or the second of its posting"


def handles_of(table: Table) -> set[str]:
    """The handles that a file names."""
    return {handle_of(text) for line in table.lines if (text := plain(line.cells.get("account")))}


def story_ids_of(table: Table) -> set[str]:
    """The story ids that a file names, as far as they may be some."""
    return {text for line in table.lines if (text := plain(line.cells.get("story_id")))}


def check(
    table: Table, reading: Reading, known: Known, evidence: Evidence, now: datetime
) -> tuple[list[Entry], list[Rejected]]:
    """The entries of a file and the rows that are refused, each in the order of the file."""
    entries: list[tuple[Line, Entry]] = []
    rejected: list[Rejected] = []
    for line in table.lines:
        row = Row(line, reading, known, now)
        entry = row.entry(evidence)
        if entry is None:
            rejected.append(Rejected(line, tuple(row.faults)))
        else:
            entries.append((line, entry))
    doubled = dict(_doubled(entries))
    rejected += [Rejected(line, (doubled[line.row],)) for line, _ in entries if line.row in doubled]
    rejected.sort(key=lambda one: one.line.row)
    return [entry for line, entry in entries if line.row not in doubled], rejected


def _doubled(entries: Sequence[tuple[Line, Entry]]) -> Iterator[tuple[int, Fault]]:
    """Rows about the same thing: of those that say the same the first one stays, of those that differ none."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for _, entry in entries:
        groups[entry.entry_id].append(entry)
    for group in groups.values():
        rows = [entry.row for entry in group]
        if len({entry.content_hash for entry in group}) == 1:
            for row in rows[1:]:
                yield row, Fault("", f"says the same as row {rows[0]}", "delete one of them")
        else:
            for row in rows:
                others = ", ".join(str(other) for other in rows if other != row)
                yield row, Fault("", f"row {others} says something else of the same story", _TELL_APART)
