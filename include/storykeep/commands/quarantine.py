"""`storykeep quarantine`: raw rows that the marts are built without."""

import typer

from storykeep.commands.options import At, By, clock_of, login, warehouse
from storykeep.commands.screen import console, show_rows
from storykeep.settings import Settings

quarantine = typer.Typer(
    no_args_is_help=True, help="Raw rows that are not as agreed, which the marts are built without."
)


@quarantine.command("list")
def quarantine_list() -> None:
    """Show every row that is or was in quarantine, with the reason, those that still are first."""
    from storykeep.quality.quarantine import held

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        show_rows(
            held(conn), "table", "landing_id", "username", "quarantined_at", "reason", "released_at", "released_by"
        )


@quarantine.command("release")
def quarantine_release(table: str, landing_id: int, by: By = None, at: At = None) -> None:
    """Let a row in after all: the next build takes it as it is. Waits for a build under way."""
    from storykeep.quality.quarantine import release
    from storykeep.transform.turn import turn

    settings = Settings.from_env()
    with turn(settings), warehouse(settings, "storykeep_ingest") as conn:
        release(conn, table, landing_id, by or login(), clock_of(at)())
    console.print(f"raw.{table} {landing_id}: the next build takes it in")
