"""`storykeep db upgrade`: makes the database, the roles and the schemas, or brings them up to date."""

from dataclasses import replace
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import sql

from storykeep.errors import StorykeepError
from storykeep.migrations.logins import ensure_database, ensure_login, maintenance, role_exists
from storykeep.settings import PostgresSettings, Settings
from storykeep.warehouse import connect

ROLES = ("storykeep_owner", "storykeep_ingest", "storykeep_transform")
BI_ROLE = "storykeep_bi"
# The logins of brands are members of it: they see the marts row by row.
BRAND_ROLE = "storykeep_brand"
# Any number of our own: upgrades take turns.
LOCK = 5_700_003
# The weekly rebuild has schemas of its own, and leaves nothing in them.
DBT_SCHEMAS = ("staging", "intermediate", "build", "marts", "staging_check", "intermediate_check", "build_check")


def upgrade(settings: Settings) -> str:
    """Create what is missing and migrate to the newest revision, which is returned. May run any number of times.

    Raises StorykeepError when the admin login may not do what is still to be done.
    """
    admin, login = settings.warehouse_admin, settings.warehouse
    make_database(admin, login)
    try:
        with connect(admin) as conn:
            conn.execute("select pg_advisory_lock(%s)", [LOCK])  # held until this connection is closed
            make_roles(conn, settings)
            make_schemas(conn, login.database)
            conn.commit()
            return _migrate(admin)
    except psycopg.errors.InsufficientPrivilege as error:
        raise StorykeepError(
            str(error).splitlines()[0],
            where=f"Postgres login {admin.user!r}",
            remedy="set AIRFLOW_CONN_WAREHOUSE_ADMIN to a login that may create roles and databases",
        ) from None


def make_database(admin: PostgresSettings, login: PostgresSettings) -> None:
    """Make the warehouse login and database if the admin login is another one and they are not there."""
    if admin.user == login.user:
        return
    with connect(maintenance(admin)) as conn:
        ensure_login(conn, login)
    ensure_database(admin, replace(admin, database=login.database))


def make_roles(conn: psycopg.Connection, settings: Settings) -> None:
    """Make the roles that are not there, and the login of BI if it has a password."""
    for role in (*ROLES, BI_ROLE, BRAND_ROLE):
        if not role_exists(conn, role):
            conn.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    if settings.bi_password:
        ensure_login(conn, replace(settings.warehouse, user=BI_ROLE, password=settings.bi_password))
    for role in ROLES:
        for member in {settings.warehouse.user, settings.warehouse_admin.user}:
            if not _is_member(conn, member, role):
                conn.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member)))


def _is_member(conn: psycopg.Connection, member: str, role: str) -> bool:
    row = conn.execute(
        """
        select 1
        from pg_auth_members as m
        join pg_roles as granted on granted.oid = m.roleid
        join pg_roles as member on member.oid = m.member
        where member.rolname = %s and granted.rolname = %s and m.set_option
        """,
        [member, role],
    ).fetchone()
    return row is not None


def make_schemas(conn: psycopg.Connection, database: str) -> None:
    """Make the schemas that are not there, with their owners, and set the rights on the database itself."""
    conn.execute(sql.SQL("revoke create, temporary on database {} from public").format(sql.Identifier(database)))
    conn.execute(
        sql.SQL("grant temporary on database {} to storykeep_ingest, storykeep_transform").format(
            sql.Identifier(database)
        )
    )
    for schema in ("app", "raw"):
        _ensure_schema(conn, schema, "storykeep_owner")
    for schema in DBT_SCHEMAS:
        _ensure_schema(conn, schema, "storykeep_transform")
    conn.execute("grant usage on schema marts to storykeep_bi, storykeep_brand")
    conn.execute(
        "alter default privileges for role storykeep_transform in schema marts grant select on tables to storykeep_bi"
    )


def _ensure_schema(conn: psycopg.Connection, schema: str, owner: str) -> None:
    # Not "if not exists": that still asks for the right to create, which a second run may lack.
    if not conn.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone():
        conn.execute(sql.SQL("create schema {} authorization {}").format(sql.Identifier(schema), sql.Identifier(owner)))


def _migrate(admin: PostgresSettings) -> str:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    url = sa.URL.create(
        "postgresql+psycopg",
        admin.user,
        admin.password.get_secret_value(),
        admin.host,
        admin.port,
        admin.database,
        query=dict(admin.tls),
    )
    engine = sa.create_engine(url, connect_args={"options": "-c timezone=UTC -c role=storykeep_owner"})
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        revision: str = connection.execute(sa.text("select version_num from app.alembic_version")).scalar_one()
    engine.dispose()
    return revision
