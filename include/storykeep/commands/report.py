"""`storykeep report` and `storykeep status`: how the campaigns do, and whether capture is alive."""

from typing import Annotated

import typer

from storykeep.clock import system_clock
from storykeep.commands.screen import console
from storykeep.settings import Settings
from storykeep.warehouse import connect

reports = typer.Typer()


@reports.command()
def report(campaign: Annotated[str | None, typer.Option(help="Only this campaign, with its creators.")] = None) -> None:
    """Print the campaigns' numbers, how final they are, and what was not captured."""
    from storykeep.report.campaigns import gather, render

    with connect(Settings.from_env().warehouse, "storykeep_transform") as conn:
        render(gather(conn, campaign), console)


@reports.command()
def status() -> None:
    """Show on one screen whether capture is alive; exit status 1 when it is not."""
    from storykeep.capture.outage import spool
    from storykeep.report.status import gather_status, render_status

    settings = Settings.from_env()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        found = gather_status(conn, system_clock(), settings.tick, spool.waiting(spool.folder(settings)))
    render_status(found, console)
    if not found.is_healthy:
        raise typer.Exit(1)
