"""Rows that the marts leave out, and which login may see which brand."""

from storykeep.migrations.scripts import run_script

revision: str = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    """Create the quarantine and the access of brands."""
    run_script("0014_quarantine.sql")
