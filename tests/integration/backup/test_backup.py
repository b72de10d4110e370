"""What a backup holds while others write, and what it leaves behind when it fails."""

import os
import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from storykeep.backup import dump, manifest, programs
from storykeep.backup.dump import backup
from storykeep.backup.proof import EQUAL
from storykeep.backup.restore import restore
from storykeep.clock import system_clock
from storykeep.errors import StorykeepError
from storykeep.settings import PostgresSettings, Settings
from storykeep.transform.turn import turn

pytestmark = pytest.mark.integration

ADD_BRAND = "insert into app.brands values (%s, 'A brand', 'UTC', 'EUR')"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """As on a full disk, a file that grows beyond `size` bytes is not written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_during_the_dump_is_in_neither_the_dump_nor_the_manifest(
    warehouse: Settings,
    admin: psycopg.Connection,
    target: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_after_a_write(program: Path, options: Sequence[str], login: PostgresSettings) -> None:
        admin.execute(ADD_BRAND, ["late"])
        programs.run(program, options, login)

    admin.execute(ADD_BRAND, ["early"])
    monkeypatch.setattr(dump, "run", run_after_a_write)
    made = backup(warehouse, tmp_path / "w.dump", system_clock)
    assert made.tables["app.brands"].rows == 1
    assert admin.execute("select count(*) from app.brands").fetchone() == (2,)
    assert {table.proof for table in restore(target, tmp_path / "w.dump").tables} == {EQUAL}


def test_a_build_under_way_is_waited_for(warehouse: Settings, admin: psycopg.Connection, tmp_path: Path) -> None:
    waiters = "select from pg_locks where locktype = 'advisory' and not granted"
    backing_up = threading.Thread(target=backup, args=(warehouse, tmp_path / "w.dump", system_clock))
    with turn(warehouse):
        backing_up.start()
        while not admin.execute(waiters).fetchall():
            assert backing_up.is_alive(), "it did not wait"
            admin.execute("select pg_sleep(0.01)")
        assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("w.dump.part", 0)]
    backing_up.join(60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.dump", "w.dump.json"]


@pytest.mark.parametrize("name", ["w.dump", "w.dump.json", "w.dump.part"])
def test_a_file_that_is_there_is_not_overwritten(warehouse: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(StorykeepError, match=f"{name}: .* -> "):
        backup(warehouse, tmp_path / "w.dump", system_clock)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_folder_that_is_not_there_is_one_clear_line(warehouse: Settings, tmp_path: Path) -> None:
    with pytest.raises(StorykeepError, match=r"nowhere/w.dump.part: cannot be written \(No such file or directory\)"):
        backup(warehouse, tmp_path / "nowhere" / "w.dump", system_clock)


def test_a_dump_that_cannot_be_written_leaves_no_file(warehouse: Settings, tmp_path: Path) -> None:
    with files_no_larger_than(10_000), pytest.raises(StorykeepError, match="was ended by SIGXFSZ -> ") as caught:
        backup(warehouse, tmp_path / "w.dump", system_clock)
    assert list(tmp_path.iterdir()) == []
    assert warehouse.warehouse_admin.password.get_secret_value() not in str(caught.value)


def test_a_manifest_that_cannot_be_written_leaves_no_file(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left on device"):
        backup(warehouse, tmp_path / "w.dump", system_clock)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_session_ends_in_an_error_and_no_file(
    warehouse: Settings, admin: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_without_the_snapshot(program: Path, options: Sequence[str], login: PostgresSettings) -> None:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where state = 'idle in transaction' and datname = current_database()"
        )
        programs.run(program, options, login)

    monkeypatch.setattr(dump, "run", run_without_the_snapshot)
    with pytest.raises(StorykeepError, match=r"pg_dump of .* snapshot .* -> mend that"):
        backup(warehouse, tmp_path / "w.dump", system_clock)
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_warehouse_is_not_backed_up(warehouse: Settings, admin: psycopg.Connection) -> None:
    admin.execute("drop schema app cascade")
    with pytest.raises(StorykeepError, match="holds no warehouse"):
        backup(warehouse, warehouse.work_dir / "w.dump", system_clock)
    assert not manifest.beside(warehouse.work_dir / "w.dump").exists()
