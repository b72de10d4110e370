"""The look of a table: plain enough for a pipe of 80 columns, one line of explanation below it."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

Row = Sequence[object]


def number(header: str) -> Column:
    """A column of figures."""
    return Column(header, justify="right", no_wrap=True)


def label(header: str) -> Column:
    """A column of short words that stay whole."""
    return Column(header, no_wrap=True)


def words(header: str) -> Column:
    """A column of text, which gives way where the screen is narrow."""
    return Column(header, overflow="fold")


def show(console: Console, title: str, columns: Iterable[Column], rows: Iterable[Row], *notes: str) -> None:
    """Print a table under its title, and below it the notes, a line each. Without rows there is no table."""
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0, header_style="bold")
    for row in rows:
        # What people wrote (names, handles) is text, never markup.
        table.add_row(*(Text(str(cell)) for cell in row))
    say(console, title, style="bold")
    if table.row_count:
        console.print(table)
    for line in notes:
        say(console, line, style="dim")
    console.print()


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line as it is, whatever signs it has."""
    console.print(Text(line, style=style), soft_wrap=True)
