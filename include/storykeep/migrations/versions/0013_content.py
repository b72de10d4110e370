"""Posts, profiles, account insights and audiences, and the clocks by which they are read."""

from storykeep.migrations.scripts import run_script

revision: str = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    """Create the tables of the content beside stories."""
    run_script("0013_content.sql")
