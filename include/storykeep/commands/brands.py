"""`storykeep brands`: which login sees which brand's rows of the marts."""

import sys
from typing import Annotated

import typer
from pydantic import SecretStr

from storykeep.clock import system_clock
from storykeep.commands.options import By, login, warehouse
from storykeep.commands.screen import console, show_rows
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

brands = typer.Typer(no_args_is_help=True, help="The logins of brands, each of which sees its own marts only.")

Login = Annotated[str, typer.Option("--login", metavar="NAME", help="The login in Postgres.")]


@brands.command("grant")
def brands_grant(
    brand_id: str,
    name: Login,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read its (new) password from the first line of stdin.")
    ] = False,
    by: By = None,
) -> None:
    """Let a login see a brand. A new login is made, and its password shown once unless it was told."""
    from storykeep.access.logins import grant

    password = _password() if password_stdin else None
    made_up = grant(Settings.from_env(), brand_id, name, by or login(), system_clock, password)
    console.print(f"{name} sees the brand {brand_id}", markup=False, soft_wrap=True)
    if made_up:
        console.print("its password, which is kept nowhere and not shown again:", soft_wrap=True)
        console.print(made_up.get_secret_value(), markup=False, highlight=False, soft_wrap=True)


@brands.command("revoke")
def brands_revoke(brand_id: str, name: Login, by: By = None) -> None:
    """Take a brand away from a login. One without a brand cannot log in any more."""
    from storykeep.access.logins import revoke

    sees_more = revoke(Settings.from_env(), brand_id, name, by or login(), system_clock)
    rest = "" if sees_more else ", nor any other, and cannot log in any more"
    console.print(f"{name} sees the brand {brand_id} no more{rest}", markup=False, soft_wrap=True)


@brands.command("list")
def brands_list() -> None:
    """Show which login sees which brand."""
    from storykeep.access.logins import list_access

    with warehouse(Settings.from_env(), "storykeep_transform") as conn:
        show_rows(list_access(conn), "brand_id", "brand", "login", "granted_at", "granted_by", "can_log_in")


def _password() -> SecretStr:
    told = sys.stdin.readline().rstrip("\n")
    if not told:
        raise StorykeepError("no password came", where="stdin", remedy="write it into the first line")
    return SecretStr(told)
