"""Makes logins and databases on a Postgres server, where they are missing."""

from dataclasses import replace

import psycopg
from psycopg import sql

from storykeep.settings import PostgresSettings
from storykeep.warehouse import connect


def role_exists(conn: psycopg.Connection, name: str) -> bool:
    """Whether the server knows this role."""
    return conn.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone() is not None


def ensure_login(conn: psycopg.Connection, login: PostgresSettings, rights: str = "") -> None:
    """Make the login if it is missing, with `rights` as in `create role`, and give it its password."""
    if not role_exists(conn, login.user):
        conn.execute(sql.SQL("create role {} " + rights).format(sql.Identifier(login.user)))
    # Hashed on this side of the wire: Postgres writes a statement that fails into its log.
    verifier = conn.pgconn.encrypt_password(
        login.password.get_secret_value().encode(), login.user.encode(), b"scram-sha-256"
    )
    names = [sql.Identifier(login.user), sql.Literal(verifier.decode())]
    conn.execute(sql.SQL("alter role {} login password {}").format(*names))


def ensure_database(maker: PostgresSettings, owner: PostgresSettings) -> None:
    """Make the database of `owner` if it is missing, as the login `maker`."""
    with connect(maintenance(maker)) as conn:
        conn.autocommit = True  # a database is not made within a transaction
        if not conn.execute("select 1 from pg_database where datname = %s", [owner.database]).fetchone():
            names = [sql.Identifier(owner.database), sql.Identifier(owner.user)]
            conn.execute(sql.SQL("create database {} owner {}").format(*names))


def maintenance(login: PostgresSettings) -> PostgresSettings:
    """The same login at the database that is always there."""
    return replace(login, database="postgres")
