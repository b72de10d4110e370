"""`storykeep db upgrade` on a real Postgres."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from alembic import command
from tests.dbt import world
from tests.dbt.world import insert

from storykeep.migrations.upgrade import upgrade
from storykeep.settings import PostgresSettings, Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

RUNTIME_ROLES = ("storykeep_ingest", "storykeep_transform", "storykeep_bi")
APPEND_ONLY = (
    "raw.story_listings",
    "raw.stories",
    "raw.story_insights",
    "raw.media_files",
    "raw.dead_letters",
    "raw.manual_entries",
    "raw.story_insights_kept",
    "raw.listing_days",
    "app.connection_events",
    "app.purged_stories",
    "app.capture_modes",
    "app.consents",
    "app.listing_cadences",
    "app.snoozes",
    "app.notifications",
    "app.alerts",
    "app.schema_notices",
    "app.brand_versions",
    "app.campaign_versions",
    "app.tracking_switches",
)


@pytest.fixture(scope="module")
def warehouse(new_warehouse: Callable[[], Settings]) -> Settings:
    """One warehouse for all tests here: none of them changes it."""
    return new_warehouse()


def test_a_second_upgrade_changes_nothing(warehouse: Settings) -> None:
    def schema() -> list[tuple[str, ...]]:
        with connect(warehouse.warehouse_admin) as conn:
            return conn.execute(
                "select table_schema, table_name, column_name, data_type from information_schema.columns"
                " where table_schema in ('app', 'raw') order by 1, 2, 3"
            ).fetchall()

    before = schema()
    assert before
    assert upgrade(warehouse) == upgrade(warehouse)
    assert schema() == before


def test_an_older_warehouse_keeps_its_rows_and_becomes_what_a_new_one_is(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {name: replace(login, schema="older") for name, login in warehouse.connections.items()}
    older = replace(warehouse, connections=elsewhere)
    to_revision = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: to_revision(config, "0002"))
    assert upgrade(older) == "0002"
    monkeypatch.setattr(world, "insert", insert_what_fits)
    with connect(older.warehouse, "storykeep_owner") as conn:
        world.fill(conn)
    with connect(older.warehouse_admin) as conn:
        columns = columns_of(conn)
        before = rows_of(conn, columns)
    monkeypatch.undo()
    assert upgrade(older) == upgrade(older) == upgrade(warehouse)
    with connect(older.warehouse_admin) as conn:
        after = rows_of(conn, columns)
    assert sum(len(rows) > 0 for rows in before.values()) > 10
    assert {table for table in before if before[table] != after[table]} == {"app.alembic_version"}
    assert definitions(older) == definitions(warehouse)


def test_brands_and_campaigns_of_an_older_warehouse_begin_their_history(
    new_warehouse: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = new_warehouse()
    elsewhere = {name: replace(login, schema="unversioned") for name, login in settings.connections.items()}
    older = replace(settings, connections=elsewhere)
    to_revision = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: to_revision(config, "0010"))
    upgrade(older)
    monkeypatch.undo()
    monkeypatch.setattr(world, "insert", insert_what_fits)
    with connect(older.warehouse, "storykeep_owner") as conn:
        world.fill(conn)
    upgrade(older)
    for kind in ("brand", "campaign"):
        with connect(older.warehouse, "storykeep_ingest") as conn:
            ids = conn.execute(f"select {kind}_id from app.{kind}s order by 1").fetchall()  # noqa: S608
            versions = conn.execute(
                f"select {kind}_id, version, author, recorded_at = 'epoch', document = app.{kind}_document({kind}_id)"  # noqa: S608
                f" from app.{kind}_versions order by 1"
            ).fetchall()
        assert ids
        assert versions == [(its_id, 1, "storykeep db upgrade", True, True) for (its_id,) in ids]


def insert_what_fits(conn: psycopg.Connection, table: str, **values: Any) -> None:
    """Insert one row as far as an older warehouse has room for it."""
    columns = columns_of(conn).get(table, ())
    known = {name: value for name, value in values.items() if name in columns}
    if known:
        insert(conn, table, **known)


def columns_of(conn: psycopg.Connection) -> dict[str, list[str]]:
    """The columns of every table of app and raw, partitions as one with their table."""
    found = conn.execute(
        """
        select attrelid::regclass::text, array_agg(attname::text order by attnum)
        from pg_attribute join pg_class on pg_class.oid = attrelid
        where
            relnamespace in ('app'::regnamespace, 'raw'::regnamespace) and not relispartition
            and relkind in ('r', 'p') and attnum > 0
        group by attrelid
        """
    ).fetchall()
    return dict(found)


def rows_of(conn: psycopg.Connection, columns: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The content of these columns, row by row as text."""
    return {
        table: [row for (row,) in conn.execute(f"select row({', '.join(names)})::text from {table} order by 1")]  # noqa: S608  from the catalogue
        for table, names in columns.items()
    }


def definitions(settings: Settings) -> set[str]:
    """Columns, functions and rights of app and raw; not the days, which come with the rows."""
    with connect(settings.warehouse_admin) as conn:
        found = conn.execute(
            """
            with tables as (
                select oid, relacl from pg_class
                where relnamespace in ('app'::regnamespace, 'raw'::regnamespace) and not relispartition
                and relkind in ('r', 'p', 'v')
            )

            select concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attacl)
            from pg_attribute join tables on tables.oid = attrelid where attnum > 0
            union all
            select concat_ws(' ', oid::regclass, relacl) from tables
            union all
            select concat_ws(' ', conrelid::regclass, pg_get_constraintdef(pg_constraint.oid))
            from pg_constraint join tables on tables.oid = conrelid
            union all
            select concat_ws(' ', pg_get_functiondef(oid), proacl)
            from pg_proc where pronamespace in ('app'::regnamespace, 'raw'::regnamespace)
            """
        ).fetchall()
    return {definition for (definition,) in found}


@pytest.mark.parametrize("role", RUNTIME_ROLES)
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["update {} set {} = null", "delete from {}", "truncate {}"])
def test_no_runtime_role_may_change_append_only_tables(
    warehouse: Settings, role: str, table: str, statement: str
) -> None:
    with connect(warehouse.warehouse_admin) as conn:
        (*_, column) = columns_of(conn)[table]  # not the first one, which may be nobody's to write
        conn.execute(f"grant {role} to current_user")  # only so that the test can try
        conn.execute(f"set role {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.format(table, column))


def test_bi_reads_neither_app_nor_raw(warehouse: Settings) -> None:
    assert warehouse.bi_password is not None
    login = warehouse.warehouse
    bi = PostgresSettings(login.host, login.port, "storykeep_bi", warehouse.bi_password, login.database)
    for table in ("app.accounts", "raw.stories"):
        with connect(bi) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            conn.execute(f"select * from {table}")  # noqa: S608 (fixed names)


def test_transform_sees_no_token(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        conn.execute("select * from app.connection_status")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from app.connections")


def test_transform_sees_sign_ins_without_what_proves_them(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        seen = conn.execute("select * from app.sign_in_attempts").description or []
        assert {"status", "reason"} <= {column.name for column in seen}
        assert "state_hash" not in {column.name for column in seen}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from app.sign_ins")


def test_what_runs_with_the_owners_rights_looks_nowhere_else_and_is_not_for_everybody(warehouse: Settings) -> None:
    with connect(warehouse.warehouse_admin) as conn:
        functions = conn.execute(
            "select proname, proconfig, has_function_privilege('public', oid, 'execute')"
            " from pg_proc where prosecdef and pronamespace = 'raw'::regnamespace order by proname"
        ).fetchall()
    assert [name for name, _, _ in functions] == [
        "ensure_partition",
        "purge_account",
        "purge_account_entries",
        "purge_account_media",
        "purge_dead_letters",
        "purge_entries",
        "purge_stories",
        "retire_partition",
    ]
    for _, settings, is_public in functions:
        assert "search_path=pg_catalog, pg_temp" in settings
        assert not is_public


def test_no_temporary_table_talks_the_owner_into_dropping_the_newest_days(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_ingest") as conn:
        conn.execute("select raw.ensure_partition('story_insights', '2026-11-20')")
        conn.execute("create temporary table pg_class as select 1::oid as oid, 'story_insights_20991231' as relname")
        conn.execute(
            "create temporary table pg_inherits as select 1::oid as inhrelid, inhparent from pg_catalog.pg_inherits"
        )
        conn.execute("grant select on pg_temp.pg_class, pg_temp.pg_inherits to public")
        with pytest.raises(psycopg.errors.RaiseException, match="the newest three days stay"):
            conn.execute("select raw.retire_partition('story_insights', '2026-11-20')")


def test_no_runtime_role_may_write_down_a_revision(warehouse: Settings) -> None:
    with connect(warehouse.warehouse_admin) as conn:
        rows = conn.execute(
            "select role from unnest(%s::text []) as roles (role)"
            " where has_table_privilege(role, 'app.alembic_version', 'insert, update, delete, truncate')",
            [list(RUNTIME_ROLES)],
        ).fetchall()
    assert rows == []
