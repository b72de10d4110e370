"""Who granted what to whom, and under which text."""

from storykeep.migrations.scripts import run_script

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Widen the connections and create the consent ledger."""
    run_script("0007_connections.sql")
