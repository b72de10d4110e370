"""Manual entries, the files that they came in, and the approvals of their numbers."""

from storykeep.migrations.scripts import run_script

revision: str = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    """Create the entries and what goes with them."""
    run_script("0012_entries.sql")
