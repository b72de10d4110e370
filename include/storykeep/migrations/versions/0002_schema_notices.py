"""Notices of what the API says that is not known."""

from storykeep.migrations.scripts import run_script

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Create the table of notices."""
    run_script("0002_notices.sql")
