"""`storykeep tokens`: the connections' tokens."""

from datetime import datetime
from typing import Annotated

import typer

from storykeep.clock import system_clock
from storykeep.commands.options import At, By, clock_of, login, time_of, warehouse
from storykeep.commands.screen import console, errors, show_rows
from storykeep.errors import StorykeepError
from storykeep.report.figures import counted
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


@tokens.command("forecast")
def tokens_forecast(at: At = None) -> None:
    """Show whose connection lapses before the last story of a campaign has lived, and who must do what."""
    from storykeep.accounts.forecast import lapses

    settings = Settings.from_env()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        ahead = lapses(conn, clock_of(at)())
    if ahead:
        show_rows(ahead, "username", "campaign", "lapses_at", "needed_until", "owner", "remedy")
    else:
        console.print("nobody lapses before the last story of a campaign has lived")


@tokens.command("snooze")
def tokens_snooze(
    username: str,
    until: Annotated[datetime, typer.Option(parser=time_of, metavar="DATE", help="A day or time (UTC).")],
    by: By = None,
) -> None:
    """Do not tell of an account's trouble until then; what is lost after now is told all the same."""
    from storykeep.accounts.registry import find_account
    from storykeep.accounts.snooze import snooze

    now = system_clock()
    with connect(Settings.from_env().warehouse, "storykeep_ingest") as conn:
        snooze(conn, find_account(conn, username), until, by or login(), now)
    what = f"is not told of until {until:%Y-%m-%d %H:%M} UTC" if until > now else "is told of again"
    console.print(f"{username} {what}", markup=False)


@tokens.command("rotate")
def tokens_rotate() -> None:
    """Encrypt every token anew with the first key, while capture goes on; what it has encrypted stays as it is."""
    from storykeep.accounts.rotation import rotate
    from storykeep.accounts.vault import Vault

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        done = rotate(conn, Vault(settings.token_keys))
    console.print(f"{counted(done.tokens, 'token')} encrypted anew with the first key")
    for error in done.lost:
        errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
    if done.lost:
        what = f"{counted(len(done.lost), 'connection')} could not be rotated (above)"
        raise StorykeepError(what, remedy="do what is told there and rotate again; the others are done")
    console.print("all tokens open with it; keep the other keys for as long as backups from before")
