"""What a restore refuses, what it finds, and that it does all or nothing."""

import json
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storykeep.backup.dump import backup
from storykeep.backup.manifest import Manifest, beside
from storykeep.backup.proof import EQUAL, Proof, compare, prove
from storykeep.backup.restore import restore
from storykeep.clock import system_clock
from storykeep.errors import StorykeepError
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.migrations import upgrade as migrations
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import Backup, NewTarget

pytestmark = pytest.mark.integration


@pytest.fixture
def small(warehouse: Settings, admin: psycopg.Connection, tmp_path: Path) -> Path:
    """The backup of a warehouse with one brand."""
    admin.execute("insert into app.brands values ('b1', 'A brand', 'UTC', 'EUR')")
    backup(warehouse, tmp_path / "small.dump", system_clock)
    return tmp_path / "small.dump"


def change_manifest(dump: Path, **changes: object) -> None:
    told = json.loads(beside(dump).read_text())
    beside(dump).write_text(json.dumps(told | changes))


def exists(settings: Settings, postgres: EmbeddedPostgres) -> bool:
    with connect(postgres.superuser) as conn:
        name = settings.warehouse.database
        return conn.execute("select from pg_database where datname = %s", [name]).fetchone() is not None


@pytest.mark.parametrize(
    "change",
    [
        "update raw.story_insights set payload = payload || '{\"x\": 1}' where landing_id = 7",
        "delete from raw.story_insights where landing_id = 7",
        "update raw.story_insights set captured_at = captured_at + interval '1 microsecond' where landing_id = 7",
    ],
)
def test_one_changed_row_of_a_partition_is_found(full: Backup, change: str) -> None:
    with connect(full.source.warehouse_admin) as conn:
        assert prove(conn) == full.manifest.tables
        assert conn.execute(change).rowcount == 1
        differing = {row.table: row.proof for row in compare(full.manifest.tables, prove(conn)) if row.proof != EQUAL}
        conn.rollback()
    rows = full.manifest.tables["raw.story_insights"].rows
    assert differing == {"raw.story_insights": f"had {rows} rows" if "delete" in change else "has other content"}


def test_two_rows_that_exchange_a_value_are_found(warehouse: Settings) -> None:
    with connect(warehouse.warehouse_admin) as conn:
        conn.execute("insert into app.creators values ('1', 'Ann'), ('2', 'Bea')")
        before = prove(conn)["app.creators"]
        conn.execute("update app.creators set name = case name when 'Ann' then 'Bea' else 'Ann' end")
        after = prove(conn)["app.creators"]
    assert before.rows == after.rows == 2
    assert before.hash != after.hash


@pytest.mark.parametrize("settings", [("UTC", "ISO, MDY"), ("Asia/Tokyo", "German, DMY")])
@pytest.mark.parametrize("order", [1, -1])
def test_neither_the_order_of_rows_nor_the_settings_of_a_login_change_the_proof(
    warehouse: Settings, settings: tuple[str, str], order: int
) -> None:
    with connect(warehouse.warehouse_admin) as conn:
        conn.execute("select set_config('timezone', %s, true), set_config('datestyle', %s, true)", settings)
        conn.execute("insert into app.creators values ('c', 'C')")
        for number in ("1", "2")[::order]:
            conn.execute("insert into app.accounts values (%s, 'c', %s, 'u', '2026-11-01 10:00+00')", [number, number])
        assert prove(conn)["app.accounts"] == Proof(rows=2, hash="8749660116891500581")
        conn.rollback()


def test_a_database_that_is_not_empty_is_refused_and_left_alone(
    small: Path, warehouse: Settings, admin: psycopg.Connection
) -> None:
    with pytest.raises(StorykeepError) as caught:
        restore(warehouse, small)
    assert str(caught.value) == (
        f"database '{warehouse.warehouse.database}': a dump goes into an empty database only, and this one has"
        " schema app, schema build, schema build_check, schema intermediate, schema intermediate_check and 4 more"
        " -> drop it, or name a new one in AIRFLOW_CONN_WAREHOUSE and AIRFLOW_CONN_WAREHOUSE_ADMIN"
    )
    assert admin.execute("select brand_id from app.brands").fetchall() == [("b1",)]


def test_a_table_of_somebody_else_is_in_the_way(small: Path, target: Settings, postgres: EmbeddedPostgres) -> None:
    with connect(postgres.superuser) as conn:
        conn.autocommit = True
        conn.execute(
            sql.SQL("create database {} owner warehouse_admin").format(sql.Identifier(target.warehouse.database))
        )
    with connect(target.warehouse_admin) as conn:
        conn.execute("create table public.notes ()")
    with pytest.raises(StorykeepError, match=r"this one has public\.notes -> "):
        restore(target, small)


@pytest.mark.parametrize("length", [0, 100, -1])
def test_a_dump_that_is_cut_short_is_refused_before_anything_is_made(
    small: Path, target: Settings, postgres: EmbeddedPostgres, length: int
) -> None:
    small.write_bytes(small.read_bytes()[:length])
    with pytest.raises(StorykeepError, match="this dump is cut short or altered"):
        restore(target, small)
    assert not exists(target, postgres)


def test_a_dump_without_its_manifest_is_refused(small: Path, target: Settings) -> None:
    beside(small).unlink()
    with pytest.raises(StorykeepError, match=r"small\.dump\.json: this file cannot be read \(No such file"):
        restore(target, small)


def test_a_file_that_is_no_manifest_is_refused(small: Path, target: Settings) -> None:
    beside(small).write_text('{"tables": "none"}')
    with pytest.raises(StorykeepError, match="this is not the manifest of a dump"):
        restore(target, small)


def test_a_dump_of_a_newer_storykeep_is_refused(small: Path, target: Settings, postgres: EmbeddedPostgres) -> None:
    change_manifest(small, revision="9999")
    with pytest.raises(StorykeepError, match="of revision 9999, which this Storykeep does not know"):
        restore(target, small)
    assert not exists(target, postgres)


def test_a_restore_that_fails_half_way_leaves_an_empty_database(
    warehouse: Settings, target: Settings, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with connect(postgres.superuser) as server:
        server.autocommit = True
        server.execute("create role reader_of_old")
        try:
            with connect(warehouse.warehouse_admin) as conn:
                conn.execute("grant select on app.brands to reader_of_old")
            backup(warehouse, tmp_path / "w.dump", system_clock)
            with connect(warehouse.warehouse_admin) as conn:
                conn.execute("revoke select on app.brands from reader_of_old")
        finally:
            server.execute("drop role reader_of_old")
        with pytest.raises(StorykeepError, match='role "reader_of_old" does not exist -> mend that') as caught:
            restore(target, tmp_path / "w.dump")
        assert target.warehouse_admin.password.get_secret_value() not in str(caught.value)
        with connect(target.warehouse_admin) as conn:
            assert conn.execute("select from pg_namespace where nspname in ('app', 'raw')").fetchall() == []
        server.execute("create role reader_of_old")
        try:
            assert restore(target, tmp_path / "w.dump").differing == []
        finally:
            with connect(target.warehouse_admin) as conn:
                conn.execute("revoke select on app.brands from reader_of_old")
            server.execute("drop role reader_of_old")


def test_an_older_revision_is_restored_as_it_was_and_upgraded_afterwards(
    new_target: NewTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, target = new_target(), new_target()
    to_head = migrations.command.upgrade
    monkeypatch.setattr(migrations.command, "upgrade", lambda config, _: to_head(config, "0001"))
    assert migrations.upgrade(old) == "0001"
    monkeypatch.undo()
    assert backup(old, tmp_path / "old.dump", system_clock).revision == "0001"
    done = restore(target, tmp_path / "old.dump")
    assert (done.manifest.revision, done.differing) == ("0001", [])
    assert migrations.upgrade(target) == done.newest_revision > "0001"


def test_the_manifest_is_read_as_it_was_written(small: Path) -> None:
    told = Manifest.model_validate_json(beside(small).read_text())
    assert told.tables["app.brands"].rows == 1
    assert told.rows == 2  # the brand and the revision
    assert told.server_version.startswith("18.")
