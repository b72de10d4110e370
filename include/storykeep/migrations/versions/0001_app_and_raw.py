"""The schemas app and raw."""

from storykeep.migrations.scripts import run_script

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create the tables, their grants and the partition maker."""
    run_script("0001_app.sql")
    run_script("0001_raw.sql")
