"""`storykeep tokens`: the connections' tokens."""

import typer

from storykeep.commands.options import At, clock_of
from storykeep.commands.screen import console
from storykeep.settings import Settings
from storykeep.warehouse import connect

tokens = typer.Typer(no_args_is_help=True, help="The connections' tokens.")


@tokens.command("check")
def tokens_check(at: At = None) -> None:
    """Inspect and refresh every token; exit status 1 when there is something that was not told yet."""
    from storykeep.accounts.alerts import TokensInTroubleError
    from storykeep.accounts.watch import watch_tokens

    settings = Settings.from_env()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        try:
            watch_tokens(conn, settings, clock_of(at))
        except TokensInTroubleError:
            raise typer.Exit(1) from None  # its lines are on the screen already, as log
    console.print("every connection is well, or its trouble was told before")
