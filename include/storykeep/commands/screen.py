"""What commands print: lines, tables, and what came of a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from storykeep.errors import StorykeepError
from storykeep.report.figures import counted

console = Console()
errors = Console(stderr=True)
# Handles and ids have to be whole where they are copied from, so tables are as wide as they need to be.
wide = Console(width=1000)


def show_import(done: Mapping[Any, int], faults: Sequence[StorykeepError]) -> None:
    """Say what went in; what did not is named line by line and makes the command fail."""
    console.print(", ".join(f"{count} {what}" for what, count in done.items()) or "nothing was changed", soft_wrap=True)
    for fault in faults:
        errors.print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
    if faults:
        what = f"the file has {counted(len(faults), 'fault')} (above)"
        raise StorykeepError(what, remedy="mend what is told there and import it again")


def show_rows(rows: Sequence[Any], *columns: str) -> None:
    """Print these attributes of the rows as a table."""
    table = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_shown(getattr(row, column)) for column in columns))
    with wide.capture() as lines:
        wide.print(table)
    for line in lines.get().splitlines():
        console.print(line.rstrip(), soft_wrap=True, markup=False, highlight=False)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, list):
        return escape(" ".join(map(str, value)))
    return "" if value is None else escape(str(value))
