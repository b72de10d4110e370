"""Whose alerts wait, and which channel took which alert."""

from storykeep.migrations.scripts import run_script

revision: str = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Create the snoozes and the notifications."""
    run_script("0008_notifications.sql")
