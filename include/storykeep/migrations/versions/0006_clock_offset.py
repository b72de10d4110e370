"""How far the API's clock is from ours."""

from storykeep.migrations.scripts import run_script

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Create the table of the API's clocks."""
    run_script("0006_clock_offset.sql")
