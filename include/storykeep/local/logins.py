"""The logins and the databases of a Postgres server that is ours alone."""

import psycopg
from psycopg import sql

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
        ensure_login(conn, admin, "createrole createdb")
    ensure_airflow(superuser, airflow)
    with connect(_maintenance(admin)) as conn:
        ensure_login(conn, warehouse)
    _ensure_database(admin, admin)


def ensure_airflow(superuser: PostgresSettings, airflow: PostgresSettings) -> None:
    """Make the login and the database of Airflow's metadata, which no other login may enter."""
    with connect(_maintenance(superuser)) as conn:
        ensure_login(conn, airflow)
    _ensure_database(superuser, airflow)
    with connect(_maintenance(superuser)) as conn:
        conn.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(airflow.database)))


def ensure_login(conn: psycopg.Connection, login: PostgresSettings, rights: str = "") -> None:
    """Make the login if it is missing, and give it its password."""
    if not conn.execute("select 1 from pg_roles where rolname = %s", [login.user]).fetchone():
        conn.execute(sql.SQL("create role {} login " + rights).format(sql.Identifier(login.user)))
    # Hashed on this side of the wire: Postgres writes a statement that fails into its log.
    verifier = conn.pgconn.encrypt_password(
        login.password.get_secret_value().encode(), login.user.encode(), b"scram-sha-256"
    )
    names = [sql.Identifier(login.user), sql.Literal(verifier.decode())]
    conn.execute(sql.SQL("alter role {} password {}").format(*names))


def _ensure_database(maker: PostgresSettings, owner: PostgresSettings) -> None:
    with connect(_maintenance(maker)) as conn:
        conn.autocommit = True  # a database is not made within a transaction
        if not conn.execute("select 1 from pg_database where datname = %s", [owner.database]).fetchone():
            names = [sql.Identifier(owner.database), sql.Identifier(owner.user)]
            conn.execute(sql.SQL("create database {} owner {}").format(*names))


def _maintenance(login: PostgresSettings) -> PostgresSettings:
    """The same login at the database that is always there."""
    return PostgresSettings(login.host, login.port, login.user, login.password, "postgres")
