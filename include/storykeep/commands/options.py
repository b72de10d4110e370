"""What several commands are told or open in the same way."""

import getpass
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated

import psycopg
import typer

from storykeep.clock import Clock, fixed_clock, parse_time, system_clock
from storykeep.errors import StorykeepError
from storykeep.settings import Settings
from storykeep.warehouse import Role, connect

UNITS = {"s": 1, "m": 60, "h": 3600}
DURATION = re.compile("0*[1-9][0-9]{0,5}[smh]")


def time_of(text: str) -> datetime:
    """A time on the command line; typer adds which option it was."""
    try:
        return parse_time(text)
    except StorykeepError as error:
        raise typer.BadParameter(str(error)) from None


At = Annotated[datetime | None, typer.Option(parser=time_of, metavar="TIME", help="Do it as of this time (UTC).")]

By = Annotated[str | None, typer.Option(metavar="NAME", help="Who says so; default: your login.")]


def login() -> str:
    """Who types the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


@contextmanager
def warehouse(settings: Settings, role: Role) -> Iterator[psycopg.Connection]:
    """A connection in `role` whose work is committed at the end."""
    with connect(settings.warehouse, role) as conn:
        yield conn


def clock_of(at: datetime | None) -> Clock:
    """A clock that stands at `at`, or the machine's."""
    return fixed_clock(at) if at else system_clock


def duration(text: str) -> timedelta:
    """A length of time as it is typed. Raises StorykeepError for anything else."""
    if not DURATION.fullmatch(text):
        raise StorykeepError(f"{text!r} is no length of time", where="--every", remedy="write it like 30s, 5m or 1h")
    return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])
