"""What is left of stories that were deleted because they count for no campaign, and what deletes them."""

from storykeep.migrations.scripts import run_script

revision: str = "0006"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Create the counts, the tombstones and the functions that purge."""
    run_script("0006_keep.sql")
