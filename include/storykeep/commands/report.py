"""`storykeep report` and `storykeep status`: how the campaigns do, and whether capture is alive."""

from datetime import datetime
from typing import Annotated

import typer

from storykeep.clock import system_clock
from storykeep.commands.options import time_of
from storykeep.commands.screen import console
from storykeep.settings import Settings
from storykeep.warehouse import connect

reports = typer.Typer()

MINUTE = "%Y-%m-%d %H:%M"


AsKnownAt = Annotated[
    datetime | None,
    typer.Option(
        "--as-known-at",
        parser=time_of,
        metavar="TIME",
        help="What it said at this time (UTC): builds it from raw again.",
    ),
]


@reports.command()
def report(
    campaign: Annotated[str | None, typer.Option(help="Only this campaign, with its creators.")] = None,
    as_known_at: AsKnownAt = None,
) -> None:
    """Print the campaigns' numbers, how final they are, and what was not captured."""
    from storykeep.report.campaigns import gather, render

    settings = Settings.from_env()
    if as_known_at:
        _report_as_known(settings, as_known_at, campaign)
        return
    with connect(settings.warehouse, "storykeep_transform") as conn:
        render(gather(conn, campaign), console)


def _report_as_known(settings: Settings, moment: datetime, campaign: str | None) -> None:
    from storykeep.report.campaigns import gather, render
    from storykeep.report.screen import say
    from storykeep.transform.last_build import fingerprint
    from storykeep.transform.rebuild import BUILT, as_known_at

    with as_known_at(settings, moment) as (conn, publication):
        found = gather(conn, campaign, BUILT)
    say(
        console,
        f"As known at {moment:{MINUTE}} UTC: the marts as of {publication.as_of:{MINUTE}},"
        f" published at {publication.published_at:{MINUTE}}.",
    )
    if publication.project != fingerprint(settings.dbt_dir, publication.variables["keep"]):
        say(console, "They were made by other models than today's: what these changed may differ.")
    console.print()
    render(found, console)


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
