"""`storykeep accounts`: disconnect, purge, export, and what Meta's callbacks ask for."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from storykeep.accounts.goodbye.requests import Request
from storykeep.accounts.goodbye.signed_request import Signed
from storykeep.clock import system_clock
from storykeep.commands.accounts import accounts, leave_alone
from storykeep.commands.options import warehouse
from storykeep.commands.screen import console, errors
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS, Settings

SignedRequest = Annotated[
    str, typer.Option("--signed-request", metavar="FILE", help="What Meta sent as signed_request; - reads stdin.")
]


@accounts.command("disconnect")
def accounts_disconnect(username: str) -> None:
    """Stop reading an account, forget its token, and revoke it at the API. What was captured stays."""
    from storykeep.accounts.goodbye.disconnect import disconnect
    from storykeep.accounts.goodbye.revoking import revoked
    from storykeep.accounts.registry import find_account
    from storykeep.accounts.vault import Vault
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        left = disconnect(conn, username, system_clock())
        leave_alone(settings, find_account(conn, username))
        if left is None:
            console.print(f"{username} was disconnected before", markup=False)
            return
        console.print(f"{username} is disconnected; its history is kept", markup=False)
        told = revoked(conn, Vault(settings.token_keys), open_clients(settings), left)
    (errors if isinstance(told, StorykeepError) else console).print(str(told), markup=False, soft_wrap=True)


@accounts.command("purge")
def accounts_purge(
    username: Annotated[str | None, typer.Argument()] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    requested: Annotated[bool, typer.Option("--requested", help="Carry out every open deletion request.")] = False,
) -> None:
    """Delete everything that is kept of an account, and print the certificate. Nothing brings it back.

    The marts lose it with the next build. It may be killed and run again: it goes on where it was.
    """
    from storykeep.graph.client import open_clients
    from storykeep.maintenance.deletions import carry_out, carry_out_all

    settings = Settings.from_env()
    if requested == (username is not None):
        raise StorykeepError("whose account?", where="accounts purge", remedy="give one HANDLE, or --requested")
    if username is None:
        logging.getLogger("storykeep").setLevel(logging.WARNING)  # what was done is printed below
        now = system_clock()
        done = carry_out_all(settings, open_clients(settings), system_clock, f"purge-{now:%Y-%m-%dT%H:%M:%S.%fZ}")
        _print_counts(done)
        return
    if not yes:
        typer.confirm(f"Delete everything that is kept of {username} for good?", abort=True)
    request = _requested(settings, username)
    _print_certificate(carry_out(settings, open_clients(settings), request, system_clock()))


@accounts.command("export")
def accounts_export(username: str, file: Path) -> None:
    """Write everything that is kept of an account to a zip file: its creator's receipt."""
    from storykeep.accounts.goodbye.export import export
    from storykeep.landing.storage import open_root

    settings = Settings.from_env()

    def told(what: str, count: int) -> None:
        errors.print(f"{count:>9,}  {what}", highlight=False)

    with warehouse(settings, "storykeep_ingest") as conn, warehouse(settings, "storykeep_transform") as marts:
        counts = export(conn, marts, open_root(settings.media_root), username, file, system_clock(), told)
    console.print(f"{file} holds {sum(counts.values()):,} rows and files of {username}", markup=False, soft_wrap=True)


@accounts.command("deauthorise")
def accounts_deauthorise(signed_request: SignedRequest) -> None:
    """End the connections of who removed the app, as Meta's callback says."""
    from storykeep.accounts.goodbye.callbacks import deauthorise

    settings = Settings.from_env()
    signed = _verified(settings, signed_request)
    with warehouse(settings, "storykeep_ingest") as conn:
        ended = deauthorise(conn, signed, system_clock())
    for account in ended:
        leave_alone(settings, account.account_id)
    console.print(", ".join(f"@{one.username} is revoked" for one in ended) or "no connection ended", markup=False)


@accounts.command("delete-request")
def accounts_delete_request(
    signed_request: SignedRequest,
    status_url: Annotated[
        str, typer.Option("--status-url", metavar="URL", help="The page on which a code can be asked after.")
    ],
) -> None:
    """Write down a deletion request of Meta's callback and print the answer for Meta, as JSON.

    maintain_warehouse carries it out.
    """
    from storykeep.accounts.goodbye.callbacks import answer, granted, request_deletion, require_https

    require_https(status_url)
    settings = Settings.from_env()
    signed = _verified(settings, signed_request)
    with warehouse(settings, "storykeep_ingest") as conn:
        concerned = granted(conn, signed)
        request = request_deletion(conn, settings.work_dir, signed, system_clock())
    for account in concerned:
        leave_alone(settings, account.account_id)
    print(json.dumps(answer(request, status_url)))


@accounts.command("deletion")
def accounts_deletion(code: str) -> None:
    """Say how far the deletion of this confirmation code is."""
    from storykeep.accounts.goodbye.requests import find

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        request = find(conn, code)
    if request is None:
        raise StorykeepError("there is no such deletion request", where=code, remedy="check the code")
    _print_certificate(request)


def _requested(settings: Settings, username: str) -> Request:
    from storykeep.accounts.goodbye.requests import record
    from storykeep.accounts.registry import find_account

    with warehouse(settings, "storykeep_ingest") as conn:
        account_id = find_account(conn, username)
        ((ig_user_id,),) = conn.execute("select ig_user_id from app.accounts where account_id = %s", [account_id])
        return record(conn, settings.work_dir, "command", ig_user_id, [ig_user_id], system_clock())


def _verified(settings: Settings, source: str) -> Signed:
    from storykeep.accounts.goodbye.signed_request import verified

    text = sys.stdin.read() if source == "-" else Path(source).read_text()
    apps = [settings.graph(flavour) for flavour in FLAVOURS if settings.has_graph(flavour)]
    return verified(text, apps, system_clock())


def _print_certificate(request: Request) -> None:
    state = f"done at {request.done_at:%Y-%m-%d %H:%M:%S} UTC" if request.done_at else "not done yet"
    console.print(f"deletion request {request.code}: {state}", soft_wrap=True, highlight=False)
    _print_counts(request.certificate)


def _print_counts(counts: dict[str, int]) -> None:
    for what, count in sorted(counts.items()):
        console.print(f"{count:>9,}  {what}", markup=False, highlight=False, soft_wrap=True)
