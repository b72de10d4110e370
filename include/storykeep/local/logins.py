"""The logins and the databases of the embedded Postgres."""

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
        conn.autocommit = True
        _ensure_login(conn, airflow)
        _ensure_login(conn, admin, "createrole createdb")
        _ensure_database(conn, airflow)
        conn.execute("revoke all on database airflow from public")
    maintenance = PostgresSettings(admin.host, admin.port, admin.user, admin.password, superuser.database)
    with connect(maintenance) as conn:
        conn.autocommit = True
        _ensure_login(conn, warehouse)
        _ensure_database(conn, admin)


def _ensure_login(conn: psycopg.Connection, login: PostgresSettings, rights: str = "") -> None:
    if conn.execute("select 1 from pg_roles where rolname = %s", [login.user]).fetchone():
        return
    # Hashed on this side of the wire: Postgres writes a statement that fails into its log.
    verifier = conn.pgconn.encrypt_password(
        login.password.get_secret_value().encode(), login.user.encode(), b"scram-sha-256"
    )
    statement = sql.SQL("create role {} login " + rights + " password {}")
    conn.execute(statement.format(sql.Identifier(login.user), sql.Literal(verifier.decode())))


def _ensure_database(conn: psycopg.Connection, owner: PostgresSettings) -> None:
    if conn.execute("select 1 from pg_database where datname = %s", [owner.database]).fetchone():
        return
    names = [sql.Identifier(owner.database), sql.Identifier(owner.user)]
    conn.execute(sql.SQL("create database {} owner {}").format(*names))
