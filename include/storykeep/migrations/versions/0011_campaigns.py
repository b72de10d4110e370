"""Scopes, fees, link rules, deliverables, tracking switches, and every version of brands and campaigns."""

from storykeep.migrations.scripts import run_script

revision: str = "0011"
down_revision: str | None = "0010"


def upgrade() -> None:
    """Create what campaigns are made of, with its history."""
    run_script("0011_campaigns.sql")
