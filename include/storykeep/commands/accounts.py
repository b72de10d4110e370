"""`storykeep accounts`: creators' accounts and their connections."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from storykeep.clock import system_clock
from storykeep.commands.connect import accounts_connect
from storykeep.commands.options import By, login, warehouse
from storykeep.commands.screen import console, show_import, show_rows
from storykeep.settings import Settings
from storykeep.warehouse import connect

accounts = typer.Typer(no_args_is_help=True, help="Creators' accounts and their connections.")


@accounts.command("import")
def accounts_import(
    file: Path,
    anew: Annotated[
        list[str] | None,
        typer.Option("--anew", metavar="HANDLE", help="Whose creator has consented anew since a purge; repeatable."),
    ] = None,
) -> None:
    """Take in accounts and their tokens from a CSV file. The same file twice changes nothing.

    An account that was purged stays so, unless it is named by --anew.
    """
    from storykeep.accounts.registry import import_accounts
    from storykeep.accounts.vault import Vault

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        result = import_accounts(conn, Vault(settings.token_keys), file, system_clock(), anew=anew or ())
    show_import(result.outcomes, result.faults)


accounts.command("connect")(accounts_connect)


@accounts.command("list")
def accounts_list() -> None:
    """Show every account with the state of its connection."""
    from storykeep.accounts.registry import list_accounts
    from storykeep.accounts.signin.attempts import end_abandoned

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        end_abandoned(conn, system_clock())
        show_rows(
            list_accounts(conn),
            "username",
            "creator",
            "login_flavour",
            "status",
            "reason",
            "mode",
            "token_expires_at",
            "data_access_expires_at",
        )


@accounts.command("pause")
def accounts_pause(username: str, by: By = None) -> None:
    """Capture nothing of an account for now. Its connection stays."""
    _set_mode(username, "paused", by)


@accounts.command("manual")
def accounts_manual(username: str, by: By = None) -> None:
    """Leave an account to its creator, who hands stories and numbers in by hand. Its connection stays."""
    _set_mode(username, "manual", by)


@accounts.command("resume")
def accounts_resume(username: str, by: By = None) -> None:
    """Capture an account automatically again."""
    _set_mode(username, "automatic", by)


@accounts.command("refresh")
def accounts_refresh(username: str) -> None:
    """List and read one account now, beside the schedule; a few times an hour at most."""
    from storykeep.capture.engine import summary
    from storykeep.capture.refresh import raise_unread, refresh
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    logging.getLogger("storykeep").setLevel(logging.WARNING)  # the summary is printed below
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        run = refresh(conn, settings, open_clients(settings), system_clock, "shell", username)
        console.print(summary(run), markup=False, soft_wrap=True)
        raise_unread(conn, settings, username, run.causes)


@accounts.command("diagnose")
def accounts_diagnose(username: str) -> None:
    """Check all that one account needs, and say what is wrong and who must do what; exit status 1 if anything is."""
    from storykeep.accounts.diagnosis import diagnose
    from storykeep.accounts.vault import Vault
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        found = diagnose(conn, Vault(settings.token_keys), open_clients(settings), username, system_clock())
    for finding in found:
        mark = {True: "ok", False: "WRONG", None: "not known"}[finding.is_well]
        console.print(f"{mark:9}  {finding.check}: {finding.what}", markup=False, highlight=False, soft_wrap=True)
        if finding.remedy:
            console.print(f"{'':9}  {finding.owner}: {finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    if not all(finding.is_well for finding in found):
        raise typer.Exit(1)


def _set_mode(username: str, mode: str, by: str | None) -> None:
    from storykeep.accounts.modes import Mode, set_mode
    from storykeep.accounts.registry import find_account

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        account_id = find_account(conn, username)
        is_new = set_mode(conn, account_id, Mode(mode), by or login(), system_clock())
    if mode != Mode.AUTOMATIC:
        leave_alone(settings, account_id)
    console.print(f"{username} is {mode}" if is_new else f"{username} was {mode} before", markup=False)


def leave_alone(settings: Settings, account_id: str) -> None:
    """See to it that the next tick does not ask the account even if Postgres is away by then."""
    from storykeep.capture.outage import snapshot, spool

    snapshot.forget(spool.folder(settings), account_id)
