"""What is left of stories that were deleted because they count for no campaign, and what deletes them."""

from storykeep.migrations.scripts import run_script

revision: str = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """Create the counts, the tombstones and the functions that purge."""
    run_script("0004_keep.sql")
