"""The logins and the databases of a Postgres server that is ours alone."""

from psycopg import sql

from storykeep.migrations.logins import ensure_database, ensure_login, maintenance
from storykeep.settings import PostgresSettings
from storykeep.warehouse import connect


def ensure_logins(
    superuser: PostgresSettings, airflow: PostgresSettings, admin: PostgresSettings, warehouse: PostgresSettings
) -> None:
    """Make the three logins and the databases `airflow` and `warehouse` where they are missing.

    The warehouse login and database are the admin's making, as they would be on a managed Postgres, so that
    the admin may later grant them what is needed without being a superuser. Raises StorykeepError when the
    server refuses the superuser, which means that the secrets and the data do not belong together.
    """
    with connect(superuser) as conn:
        ensure_login(conn, admin, rights="createrole createdb")
    ensure_airflow(superuser, airflow)
    with connect(maintenance(admin)) as conn:
        ensure_login(conn, warehouse)
    ensure_database(admin, admin)


def ensure_airflow(superuser: PostgresSettings, airflow: PostgresSettings) -> None:
    """Make the login and the database of Airflow's metadata, which no other login may enter."""
    with connect(maintenance(superuser)) as conn:
        ensure_login(conn, airflow)
    ensure_database(superuser, airflow)
    with connect(maintenance(superuser)) as conn:
        conn.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(airflow.database)))
