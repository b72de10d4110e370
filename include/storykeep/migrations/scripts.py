"""Runs the SQL files of a migration."""

from importlib.resources import files

from alembic import op


def run_script(name: str) -> None:
    """Run a file of migrations/sql as it is: several statements, in which % is no placeholder."""
    connection = op.get_context().connection
    if connection is None:
        raise RuntimeError("migrations run on a live connection only")
    connection.connection.cursor().execute((files("storykeep.migrations") / "sql" / name).read_text())
