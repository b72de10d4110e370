"""Deletion requests, and what is left of an account that was purged: hashes."""

from storykeep.migrations.scripts import run_script

revision: str = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Create the deletion requests, the tombstones of accounts, and the functions that purge one."""
    run_script("0010_goodbye.sql")
