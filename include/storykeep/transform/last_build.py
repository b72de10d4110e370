"""The build that the next one goes on from: the one row of `intermediate.last_build`, which dbt forgets and this keeps.

It says as of which moment the incremental models are whole, up to which landing id of each raw table they have taken
in every row, and of which project and policy they are.
"""

import hashlib
from datetime import datetime
from pathlib import Path

from storykeep.settings import Settings
from storykeep.warehouse import connect

# What makes the rows what they are, relative to the dbt project.
SOURCES = ("dbt_project.yml", "macros", "models")


def can_go_on(settings: Settings, as_of: datetime, project: str) -> bool:
    """Say whether a build of `project` as of `as_of` may add to the standing tables, or has to start anew.

    It may not when none has ended well yet, when one of another project made the tables, or when they may know what
    came after `as_of`.
    """
    with connect(settings.warehouse, "storykeep_transform") as conn:
        if conn.execute("select to_regclass('intermediate.last_build')").fetchone() == (None,):
            return False
        found = conn.execute(
            "select from intermediate.last_build where reached_at <= %s and project = %s", [as_of, project]
        )
        return found.rowcount == 1


def keep(settings: Settings) -> None:
    """Write down that the build which dbt has just ended is whole: the next one goes on from it."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        conn.execute("delete from intermediate.last_build")
        # One macro lists the raw tables of both, so that their columns are the same in the same order.
        conn.execute("insert into intermediate.last_build select * from intermediate.int_landing__taken_in")


def forget(settings: Settings) -> None:
    """Have the next build make every table anew, out of what is in raw then."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        if conn.execute("select to_regclass('intermediate.last_build')").fetchone() != (None,):
            conn.execute("delete from intermediate.last_build")


def is_overtaken(settings: Settings, as_of: datetime, now: datetime) -> bool:
    """Say whether, since `as_of`, a build as of a later moment has begun. One of the future is none of these."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        if conn.execute("select to_regclass('intermediate.last_build')").fetchone() == (None,):
            return False
        found = conn.execute(
            "select from intermediate.last_build where reached_at > %s and reached_at <= %s", [as_of, now]
        )
        return found.rowcount == 1


def fingerprint(dbt_dir: Path, kept: str) -> str:
    """Sha256 of every model, macro and setting of the project, and of which stories are `kept`."""
    files = sorted(path for source in SOURCES for path in _files(dbt_dir / source))
    digest = hashlib.sha256(f"{kept}\n".encode())
    for path in files:
        digest.update(f"{path.relative_to(dbt_dir)}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [found for found in path.rglob("*") if found.is_file()]
