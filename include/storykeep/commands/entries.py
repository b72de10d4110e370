"""`storykeep entries`: what people capture, upload, type from screenshots and decide."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psycopg
import typer

from storykeep.clock import system_clock
from storykeep.commands.options import By, login, warehouse
from storykeep.commands.screen import console, errors, show_rows
from storykeep.entries.approvals import Decision, Numbers
from storykeep.entries.kinds import KINDS, Kind
from storykeep.errors import StorykeepError
from storykeep.report.figures import counted
from storykeep.settings import Settings

if TYPE_CHECKING:  # it brings pandas along, which takes a second
    from storykeep.entries.load import Loaded

entries = typer.Typer(no_args_is_help=True, help="Manual entries: stories and numbers that people hand in.")
# So many rejected rows are shown; the file has all.
MOST_SHOWN = 20

Names = Annotated[list[str] | None, typer.Argument(metavar="ENTRY", help="The beginnings of their ids.")]
InFile = Annotated[str | None, typer.Option("--file", metavar="FILE", help="All that wait of this file.")]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")]


@entries.command("template")
def entries_template(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")],
    file: Annotated[Path | None, typer.Argument(help="A .csv or .xlsx file; default: on the screen.")] = None,
) -> None:
    """Write an empty file of one kind, with an example that is not loaded."""
    from storykeep.entries.template import template_text, write_template

    if file is None:
        print(template_text(kind), end="")
        return
    write_template(kind, file)
    console.print(f"{file}: fill it in, then storykeep entries load {file} --kind {kind}", markup=False, soft_wrap=True)


@entries.command("load")
def entries_load(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX.")],
    kind: Annotated[Kind | None, typer.Option(help="Of all rows; not needed with a column kind.")] = None,
    by: By = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    evidence: Annotated[
        Path | None, typer.Option(help="Folder or zip of the screenshots; default: the one named as the file is.")
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="How times are written, such as '%d/%m/%Y %H:%M'.")
    ] = None,
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Of times that name none, such as Europe/Berlin.")
    ] = "UTC",
    decimal: Annotated[str | None, typer.Option(metavar="SIGN", help="The decimal sign: . or ,")] = None,
    delimiter: Annotated[str | None, typer.Option(metavar="SIGN", help="What separates the cells.")] = None,
) -> None:
    """Take in a file. Good rows land, the others come back in FILE.rejected.csv; then the exit status is 1.

    The same file twice changes nothing.
    """
    from storykeep.entries.load import Request, load_file
    from storykeep.entries.options import reading

    settings = Settings.from_env()
    now = system_clock()
    request = Request(
        file, by or login(), reading(kind, decimal, date_format, time_zone), delimiter, evidence, dry_run=dry_run
    )

    with warehouse(settings, "storykeep_ingest") as conn:
        loaded = load_file(conn, settings, request, now, f"entries-{now:%Y-%m-%dT%H:%M:%S.%fZ}")
    _tell(loaded, "would land" if dry_run else "landed")
    if loaded.rejected:
        remedy = f"mend {loaded.reject_file} and load that" if loaded.reject_file else "mend them before you load it"
        raise StorykeepError(f"{counted(len(loaded.rejected), 'row')} rejected", where=file.name, remedy=remedy)


@entries.command("list")
def entries_list() -> None:
    """Show the numbers that wait for another person's approval."""
    from storykeep.entries.approvals import waiting

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        show_rows(
            waiting(conn),
            *("entry", "version", "username", "story", "values", "author", "entered_at", "file", "evidence_path"),
        )


@entries.command("approve")
def entries_approve(
    names: Names = None,
    file: InFile = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait, but for your own.")] = False,
    by: By = None,
    note: Note = None,
) -> None:
    """Approve numbers that another person entered: from then on they count."""
    from storykeep.entries.approvals import by_others, waiting

    settings = Settings.from_env()
    if everything:
        if names or file:
            raise _which()
        with warehouse(settings, "storykeep_ingest") as conn:
            _decide(conn, by_others(waiting(conn), by or login()), "approved", by, note)
        return
    _decide_on(settings, names, file, "approved", by, note)


@entries.command("reject")
def entries_reject(names: Names = None, file: InFile = None, by: By = None, note: Note = None) -> None:
    """Refuse numbers: they do not count."""
    _decide_on(Settings.from_env(), names, file, "rejected", by, note)


@entries.command("withdraw")
def entries_withdraw(entry: str, by: By = None, note: Note = None) -> None:
    """Take an entry back, whatever its kind. Its versions stay; the marts leave it out."""
    from storykeep.entries.approvals import find_entry
    from storykeep.entries.landing import withdraw
    from storykeep.entries.load import person

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        version = withdraw(conn, find_entry(conn, entry), person(by or login()), system_clock(), note)
    console.print(f"{entry} is withdrawn by version {version}", markup=False, highlight=False)


def _decide_on(
    settings: Settings,
    names: list[str] | None,
    file: str | None,
    decision: Decision,
    by: str | None,
    note: str | None,
) -> None:
    from storykeep.entries.approvals import in_file, named, standing, waiting

    if bool(names) == bool(file):
        raise _which()
    with warehouse(settings, "storykeep_ingest") as conn:
        meant = in_file(waiting(conn), Path(file).name) if file else named(standing(conn), names or [])
        _decide(conn, meant, decision, by, note)


def _decide(
    conn: psycopg.Connection, meant: Sequence[Numbers], decision: Decision, by: str | None, note: str | None
) -> None:
    from storykeep.entries.approvals import decide
    from storykeep.entries.load import person

    count = decide(conn, meant, decision, person(by or login()), system_clock(), note=note)
    console.print(f"{decision}: {count}", highlight=False)


def _tell(loaded: "Loaded", landed: str) -> None:
    for note in loaded.notes:
        errors.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    counts = f"{landed}: {loaded.landed}, unchanged: {loaded.unchanged}, rejected: {len(loaded.rejected)}"
    console.print(counts, highlight=False)
    for one in loaded.rejected[:MOST_SHOWN]:
        for fault in one.faults:
            where = f"row {one.line.row}" + (f", column {fault.column}" if fault.column else "")
            told = StorykeepError(fault.reason, where=where, remedy=fault.remedy)
            errors.print(str(told), style="red", markup=False, highlight=False, soft_wrap=True)


def _which() -> StorykeepError:
    return StorykeepError("which entries?", where="entries", remedy="name them, or their --file; or --all to approve")
