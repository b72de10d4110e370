"""`storykeep db upgrade` on a real Postgres."""

from collections.abc import Callable

import psycopg
import pytest

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
    "app.connection_events",
    "app.purged_stories",
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


@pytest.mark.parametrize("role", RUNTIME_ROLES)
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["update {} set account_id = ''", "delete from {}", "truncate {}"])
def test_no_runtime_role_may_change_append_only_tables(
    warehouse: Settings, role: str, table: str, statement: str
) -> None:
    with connect(warehouse.warehouse_admin) as conn:
        conn.execute(f"grant {role} to current_user")  # only so that the test can try
        conn.execute(f"set role {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.format(table))


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
