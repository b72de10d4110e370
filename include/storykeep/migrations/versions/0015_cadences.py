"""How often accounts were to be listed, and since when."""

from storykeep.migrations.scripts import run_script

revision: str = "0015"
down_revision: str | None = "0014"


def upgrade() -> None:
    """Create the cadences."""
    run_script("0015_cadences.sql")
