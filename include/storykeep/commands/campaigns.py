"""`storykeep campaigns`: brands, campaigns, rosters, rules, and the switch of manual tracking."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from storykeep.campaigns.changes import Change
from storykeep.clock import system_clock
from storykeep.commands.options import By, login, warehouse
from storykeep.commands.screen import console, show_import, show_rows
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

campaigns = typer.Typer(no_args_is_help=True, help="Brands and campaigns.")


class Position(StrEnum):
    """Where a switch can stand."""

    ON = "on"
    OFF = "off"


@campaigns.command("import")
def campaigns_import(
    file: Path,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    by: By = None,
) -> None:
    """Take in brands, campaigns, rosters, rules and deliverables from a YAML file, and show what that changes.

    All of the file or nothing. The same file twice changes nothing.
    """
    from storykeep.campaigns.registry import import_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        result = import_campaigns(conn, file, by or login(), system_clock(), dry_run=dry_run)
    _show_changes(result.changes)
    done = {
        "brands": result.brands,
        "campaigns": result.campaigns,
        "of them would be new or changed" if dry_run else "of them new or changed": len(result.changes),
    }
    show_import({} if result.faults else done, result.faults)


@campaigns.command("export")
def campaigns_export(file: Annotated[Path | None, typer.Argument()] = None) -> None:
    """Write every brand and campaign as the YAML file that imports back to them; without a FILE, to the screen."""
    from storykeep.campaigns.export import export_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        text = export_campaigns(conn)
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorykeepError(f"cannot be written: {error.strerror}", where=str(file), remedy="check the path") from None
    _say(f"{file} is written")


@campaigns.command("list")
def campaigns_list() -> None:
    """Show every campaign."""
    from storykeep.campaigns.listing import list_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        show_rows(
            list_campaigns(conn),
            "campaign_id",
            "name",
            "brand",
            "starts_at",
            "ends_at",
            "scope",
            "participants",
            "rules",
            "manual_tracking",
        )


@campaigns.command("show")
def campaigns_show(campaign_id: Annotated[str, typer.Argument(metavar="CAMPAIGN")]) -> None:
    """Show one campaign, and everything that was changed or switched, by whom and when."""
    from storykeep.campaigns.history import show

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        shown = show(conn, campaign_id)
    for line in shown.lines:
        _say(line)
    _say("")
    for event in shown.events:
        _say(f"{_at(event.at)}  {event.author}: {event.what}")
        for line in event.lines:
            _say(f"    {line}")


@campaigns.command("switch")
def campaigns_switch(
    campaign_id: Annotated[str, typer.Argument(metavar="CAMPAIGN")],
    position: Annotated[Position, typer.Argument(metavar="on|off")],
    by: By = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
) -> None:
    """Turn the manual tracking of a campaign on or off, from now on: what was before stays as it was."""
    from storykeep.campaigns.switches import switch

    is_on = position is Position.ON
    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        turned = switch(conn, campaign_id, is_on, by or login(), system_clock(), reason)
    if turned is None:
        _say(f"manual tracking of {campaign_id} is {position} already; nothing was changed")
    else:
        _say(f"manual tracking of {campaign_id} is {position} since {_at(turned.switched_at)}")


def _show_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        _say(f"{change.kind} {change.its_id} ({'new' if change.is_new else 'changed'})")
        for line in change.lines:
            _say(f"  {line}")


def _at(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "before changes were kept"


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
