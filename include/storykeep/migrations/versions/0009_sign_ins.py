"""Each attempt to connect an account, with the state that binds it."""

from storykeep.migrations.scripts import run_script

revision: str = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Create the table of sign-ins."""
    run_script("0009_sign_ins.sql")
