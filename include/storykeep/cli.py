"""The console script. Each command reads the settings, opens what it needs and makes one call."""

import logging
import sys

import psycopg
import typer

import storykeep.commands.goodbye  # noqa: F401  its commands are the accounts', too
from storykeep.commands.accounts import accounts
from storykeep.commands.brands import brands
from storykeep.commands.campaigns import campaigns
from storykeep.commands.capture import capture
from storykeep.commands.db import db
from storykeep.commands.entries import entries
from storykeep.commands.marts import marts
from storykeep.commands.quarantine import quarantine
from storykeep.commands.report import reports
from storykeep.commands.sandbox import sandbox
from storykeep.commands.tokens import tokens
from storykeep.errors import StorykeepError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, and secrets among them
    help="Keeps Instagram Stories and their numbers.",
)
for group in (capture, marts, reports):
    app.add_typer(group)
for name, group in (
    ("db", db),
    ("accounts", accounts),
    ("brands", brands),
    ("campaigns", campaigns),
    ("entries", entries),
    ("tokens", tokens),
    ("quarantine", quarantine),
    ("sandbox", sandbox),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run the console script; what a person can mend is one line on stderr and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("storykeep").setLevel(logging.INFO)  # other people's libraries chatter at that level
    try:
        app()
    except (StorykeepError, psycopg.Error, OSError) as error:
        print(f"storykeep: {_readable(error)}", file=sys.stderr)
        sys.exit(1)


def _readable(error: Exception) -> str:
    """One line: what, where, remedy."""
    if isinstance(error, psycopg.Error):
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        error = StorykeepError(
            what, where="Postgres", remedy="see that it runs, then run this again: nothing is half done"
        )
    elif isinstance(error, OSError):
        what = f"{error.strerror or error}"
        error = StorykeepError(
            what, where=str(error.filename or "a file"), remedy="mend that, or name another place (STORYKEEP_WORK_DIR)"
        )
    return str(error)
