"""How each account is to be captured."""

from storykeep.migrations.scripts import run_script

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Create the table of capture modes."""
    run_script("0005_capture_modes.sql")
