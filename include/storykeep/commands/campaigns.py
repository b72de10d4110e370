"""`storykeep campaigns`: brands, campaigns, rosters and rules."""

from pathlib import Path

import typer

from storykeep.commands.options import warehouse
from storykeep.commands.screen import show_import, show_rows
from storykeep.settings import Settings

campaigns = typer.Typer(no_args_is_help=True, help="Brands and campaigns.")


@campaigns.command("import")
def campaigns_import(file: Path) -> None:
    """Take in brands, campaigns, rosters and rules from a YAML file. The same file twice changes nothing."""
    from storykeep.campaigns.registry import import_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        result = import_campaigns(conn, file)
    done = {"brands": result.brands, "campaigns": result.campaigns, "of them new or changed": result.changed}
    show_import({} if result.faults else done, result.faults)


@campaigns.command("list")
def campaigns_list() -> None:
    """Show every campaign."""
    from storykeep.campaigns.registry import list_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        show_rows(
            list_campaigns(conn),
            "campaign_id",
            "name",
            "brand",
            "starts_at",
            "ends_at",
            "participants",
            "rules",
        )
