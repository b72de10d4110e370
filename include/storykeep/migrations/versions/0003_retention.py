"""Retention: what stays of a day that is dropped, and the function that drops it."""

from storykeep.migrations.scripts import run_script

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Create the tables of what is kept and the functions around them."""
    run_script("0003_retention.sql")
