"""`storykeep accounts connect`: a sign-in in a terminal."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import psycopg
import typer

from storykeep.clock import system_clock
from storykeep.commands.screen import console
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS, Flavour, Settings
from storykeep.warehouse import connect

if TYPE_CHECKING:
    from storykeep.accounts.signin.attempts import Invitation
    from storykeep.accounts.signin.discovery import Found
    from storykeep.accounts.signin.flow import Arrival

REDIRECT_URI = "https://localhost/"


def accounts_connect(
    username: Annotated[str | None, typer.Argument(help="Whose account it is to be; anybody's if left out.")] = None,
    flavour: Annotated[str, typer.Option(help="facebook or instagram.")] = "facebook",
    redirect_uri: Annotated[
        str, typer.Option(help="Where the dialog leads back to, as the app's settings at Meta list it.")
    ] = REDIRECT_URI,
    text_version: Annotated[str | None, typer.Option(help="The wording that the creator agrees to.")] = None,
    usage_rights: Annotated[str | None, typer.Option(help="What may be done with the content.")] = None,
    brand: Annotated[str | None, typer.Option(metavar="ID", help="The brand that asks.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Connect every account that can be.")] = False,
    choose: Annotated[
        list[str] | None, typer.Option(metavar="HANDLE", help="Connect this account; may be repeated.")
    ] = None,
    callback: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Go on with the address at which the dialog ended.")
    ] = None,
) -> None:
    """Let a creator sign in, and connect the account, or say why it cannot be and who must do what.

    Prints the address to open. The address of the page on which the browser ends is asked for, or given as --callback
    to a second run. It need not be a page that exists.
    """
    from storykeep.accounts.signin.attempts import Invitation
    from storykeep.accounts.signin.flow import arrive, connect_chosen
    from storykeep.accounts.vault import Vault
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    vault = Vault(settings.token_keys)
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        expected = None
        if callback is None:
            invitation = Invitation(
                login_flavour=_flavour(flavour),
                redirect_uri=redirect_uri,
                username=username,
                entry_point="terminal",
                brand_id=brand,
                text_version=text_version,
                usage_rights=usage_rights,
            )
            expected, callback = _sent_out(conn, settings, invitation)
        clients = open_clients(settings)
        arrival = arrive(conn, clients, callback, system_clock(), expected=expected, invited=username)
        _show(arrival)
        handles = [handle.removeprefix("@").lower() for handle in choose or ()]
        chosen, confirmed = _chosen(arrival, handles, every)
        done = connect_chosen(conn, vault, arrival, chosen, system_clock(), confirmed=confirmed)
    for one in done:
        _say(f"@{one.username}: {one.outcome} as {one.status}{f' ({one.reason})' if one.reason else ''}")


def _flavour(text: str) -> Flavour:
    for flavour in FLAVOURS:
        if text == flavour:
            return flavour
    raise StorykeepError(f"{text!r} is no login flavour", where="--flavour", remedy=" or ".join(FLAVOURS))


def _sent_out(conn: psycopg.Connection, settings: Settings, invitation: "Invitation") -> tuple[int, str]:
    """Show the link and wait for the address at which the dialog ends, which is not echoed: it holds a code."""
    from storykeep.accounts.signin.attempts import LIFE
    from storykeep.accounts.signin.flow import start

    started = start(conn, settings.graph(invitation.login_flavour), invitation, system_clock())
    _say(f"open this address within {LIFE // timedelta(minutes=1)} minutes, signed in as the creator:")
    _say(started.url)
    try:
        return started.sign_in_id, typer.prompt("address of the page on which it ended", hide_input=True, err=True)
    except typer.Abort:
        raise StorykeepError(
            "nothing came back yet",
            where=f"sign-in {started.sign_in_id}",
            remedy="go on with: storykeep accounts connect --callback 'ADDRESS'",
        ) from None


def _show(arrival: "Arrival") -> None:
    """The accounts that came, each with a tick mark or with what is wrong with it."""
    from storykeep.accounts.signin.scopes import surplus

    for one in arrival.found:
        page = f", Page {one.page.name or one.page.page_id}" if one.page else ""
        mark = "✗" if one.trouble else "✓"
        _say(f"{mark} @{one.username or one.ig_user_id} ({one.level}{page})")
        if one.trouble:
            _say(f"  {one.trouble}; {one.trouble.owner}: {one.trouble.remedy}")
    if arrival.trouble:
        _say(f"✗ {arrival.attempt.label} is not among them: {arrival.trouble}")
    if unused := surplus(arrival.granted.login_flavour, arrival.granted.scopes):
        _say(f"granted, but never asked for and never used: {', '.join(unused)}")


def _chosen(arrival: "Arrival", handles: Sequence[str], every: bool) -> tuple[list[str], bool]:
    """The IG user ids to connect, and whether it was said that they need not be the invited one."""
    good = [one for one in arrival.found if one.trouble is None]
    if handles:
        return [_named(arrival, handle).ig_user_id for handle in handles], True
    if every:
        return [one.ig_user_id for one in good], arrival.invited is not None
    if arrival.invited is not None:
        return [arrival.invited.ig_user_id], False
    if arrival.trouble is None and len(arrival.found) == 1:
        return [arrival.found[0].ig_user_id], False
    picked = [one.ig_user_id for one in good if _wants(one)]
    return picked, True


def _wants(found: "Found") -> bool:
    try:
        return typer.confirm(f"connect @{found.username}?", err=True)
    except typer.Abort:
        return False  # nobody is there to be asked


def _named(arrival: "Arrival", handle: str) -> "Found":
    for one in arrival.found:
        if one.username == handle:
            return one
    raise StorykeepError(
        "it is not among the accounts that came",
        where=f"@{handle}",
        remedy="connect again, and choose one of those shown",
    )


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
