"""`storykeep db`: make, dump and restore the warehouse."""

from datetime import datetime
from pathlib import Path

import typer

from storykeep.clock import system_clock
from storykeep.commands.screen import console, show_rows
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

db = typer.Typer(no_args_is_help=True, help="The warehouse database.")


@db.command("upgrade")
def db_upgrade() -> None:
    """Create the warehouse, its roles and schemas, or bring them up to date."""
    from storykeep.migrations.upgrade import upgrade

    settings = Settings.from_env()
    console.print(f"warehouse is at revision {upgrade(settings)}")
    if settings.bi_password is None:
        console.print("storykeep_bi got no password: set STORYKEEP_BI_PASSWORD and run this again", soft_wrap=True)


@db.command("backup")
def db_backup(file: Path) -> None:
    """Write the whole warehouse to FILE, and what it has to come to, to FILE.json beside it.

    Capture goes on meanwhile; builds wait. A file that is there already is not overwritten.
    """
    from storykeep.backup.dump import backup

    made = backup(Settings.from_env(), file, system_clock)
    console.print(
        f"{file} holds {len(made.tables)} tables with {made.rows:,} rows, at revision {made.revision}", soft_wrap=True
    )
    console.print("the token keys are not in it: keep STORYKEEP_TOKEN_KEYS in another place", soft_wrap=True)


@db.command("restore")
def db_restore(file: Path) -> None:
    """Restore a backup into an empty database and compare every table with what was backed up."""
    from storykeep.backup.restore import restore

    settings = Settings.from_env()
    done = restore(settings, file)
    show_rows(done.tables, "table", "rows", "proof")
    if done.differing:
        raise StorykeepError(
            "; ".join(done.differing), where=str(file), remedy="do not use this database: drop it and restore again"
        )
    console.print(f"equal: {len(done.tables)} tables with {done.manifest.rows:,} rows", soft_wrap=True)
    if done.manifest.revision != done.newest_revision:
        console.print(
            f"warehouse is at revision {done.manifest.revision}, older than {done.newest_revision} of this Storykeep;"
            " run: storykeep db upgrade",
            soft_wrap=True,
        )
    _tell_of_deletions(settings, done.manifest.made_at)
    console.print(
        "its tokens are read with the STORYKEEP_TOKEN_KEYS of its time: they are not in a backup", soft_wrap=True
    )


def _tell_of_deletions(settings: Settings, made_at: datetime) -> None:
    """Say when the backup has brought back accounts that were to be deleted after it was made."""
    from storykeep.accounts.goodbye.ledger import NAME, lines

    if any(line.requested_at >= made_at for line in lines(settings.work_dir)):
        console.print(
            "accounts that were purged after this backup are in it again: before the first tick, run storykeep db"
            f" upgrade and storykeep accounts purge --requested, which goes by {settings.work_dir / NAME}",
            soft_wrap=True,
        )
