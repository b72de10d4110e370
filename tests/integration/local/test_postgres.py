"""The embedded Postgres, started, stopped, killed and started again."""

import os
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.local.ports import free_port
from storykeep.local.postgres import EmbeddedPostgres, uri
from storykeep.settings import PostgresSettings, Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One server for the tests that leave it as it was."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("shared") / "home", durable=False)
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "home", durable=False)
    try:
        yield server.start()
    finally:
        server.remove()


def postmaster(server: EmbeddedPostgres) -> psutil.Process:
    pid_file = server.folder / "postgres" / "data" / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().split()[0]))


def count_notes(server: EmbeddedPostgres) -> int:
    with connect(server.warehouse_admin) as conn:
        return conn.execute("select count(*) from note").fetchone()[0]


def write_note(server: EmbeddedPostgres) -> None:
    with connect(server.warehouse_admin) as conn:
        conn.execute("create table if not exists note (text text)")
        conn.execute("insert into note values ('kept')")


def count_databases(server: EmbeddedPostgres) -> int:
    with connect(server.superuser) as conn:
        found = conn.execute("select count(*) from pg_database where datname in ('airflow', 'warehouse')")
        return found.fetchone()[0]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_listens_on_this_machine_only_and_on_no_unix_socket(shared: EmbeddedPostgres) -> None:
    with connect(shared.superuser) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert conn.execute("show unix_socket_directories").fetchone() == ("",)
    listening = {(c.laddr.ip, c.laddr.port) for c in postmaster(shared).net_connections() if c.status == "LISTEN"}
    assert listening == {("127.0.0.1", shared.port)}


def test_no_way_in_without_a_password(shared: EmbeddedPostgres) -> None:
    with connect(shared.superuser) as conn:
        rules = conn.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        hashes = conn.execute("select rolpassword from pg_authid where rolcanlogin").fetchall()
    assert rules == [("scram-sha-256",)]
    assert len(hashes) == 4 and all(value.startswith("SCRAM-SHA-256$") for (value,) in hashes)


@pytest.mark.parametrize("login", ["airflow", "warehouse", "warehouse_admin", "superuser"])
def test_a_wrong_password_is_refused_for_every_login(shared: EmbeddedPostgres, login: str) -> None:
    right: PostgresSettings = getattr(shared, login)
    psycopg.connect(uri(right)).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(uri(replace(right, password=SecretStr("wrong"))))


def test_the_warehouse_login_can_neither_make_roles_nor_read_airflows_metadata(shared: EmbeddedPostgres) -> None:
    with connect(shared.warehouse) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("create role intruder")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(uri(replace(shared.warehouse, database="airflow")))


def test_starting_twice_is_one_server(shared: EmbeddedPostgres) -> None:
    again = EmbeddedPostgres(shared.folder, durable=False).start()
    assert again.port == shared.port
    assert again.warehouse == shared.warehouse


def test_keeps_its_data_its_port_and_its_passwords_over_a_restart(server: EmbeddedPostgres) -> None:
    write_note(server)
    before = server.warehouse
    server.stop()
    with pytest.raises(StorykeepError):
        connect(before)
    assert server.start().warehouse == before
    assert count_notes(server) == 1


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "home")
    try:
        write_note(server.start())
        process = postmaster(server)
        process.kill()
        process.wait(10)
        assert EmbeddedPostgres(server.folder).start().port == server.port
        assert count_notes(server) == 1
    finally:
        server.remove()


def test_a_pid_file_whose_number_now_belongs_to_another_program_is_a_leftover(server: EmbeddedPostgres) -> None:
    user = postmaster(server).uids().real  # of the same user: Postgres itself sees through any other
    server.stop()
    pid_file = server.folder / "postgres" / "data" / "postmaster.pid"
    identity = {"user": user} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["/bin/sleep", "600"], cwd="/", **identity)
    try:
        pid_file.write_text(f"{stranger.pid}\n{pid_file.parent}\n")
        server.stop()
        assert stranger.poll() is None
        assert count_databases(server.start()) == 2
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_takes_another_port_when_somebody_was_quicker(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    with socket.create_server(("127.0.0.1", 0)) as quicker:
        ports = [quicker.getsockname()[1], free_port()]
        monkeypatch.setattr("storykeep.local.postgres.free_port", lambda preferred=0: ports.pop(0))
        assert count_databases(server.start()) == 2


def test_begins_again_where_initdb_was_cut_off(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "home", durable=False)
    try:
        server.start().stop()
        data = server.folder / "postgres" / "data"
        data.rename(data.with_name("data.partial"))
        (data.with_name("data.partial") / "PG_VERSION").unlink()
        assert count_databases(server.start()) == 2
    finally:
        server.remove()


def test_the_secrets_are_for_their_owner_alone_and_in_no_log(shared: EmbeddedPostgres) -> None:
    secrets = shared.folder / "secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    room = shared.folder / "postgres"
    assert stat.S_IMODE(room.stat().st_mode) == 0o700
    texts = "".join(path.read_text() for path in room.iterdir() if path.is_file())
    assert "database system is ready" in texts
    assert not any(getattr(shared, name).password.get_secret_value() in texts for name in ("superuser", "warehouse"))
    assert shared.warehouse.password.get_secret_value() not in repr(shared.warehouse)


def test_remove_leaves_nothing(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "home", durable=False).start()
    room, process = (server.folder / "postgres").resolve(), postmaster(server)
    server.remove()
    assert not room.exists() and not server.folder.exists() and is_gone(process)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_root_opens_no_folder_for_the_servers_user(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "home", durable=False)
    try:
        server.start()
        assert postmaster(server).uids().real != 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        server.remove()


def test_says_what_is_wrong_when_the_data_is_not_a_cluster(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "home", durable=False)
    try:
        server.start().stop()
        (server.folder / "postgres" / "data" / "PG_VERSION").write_text("12\n")
        with pytest.raises(StorykeepError, match=r"does not start: .*12.*make clean"):
            server.start()
    finally:
        server.remove()


def test_each_warehouse_is_migrated_and_alone(new_warehouse: Callable[[], Settings], warehouse: Settings) -> None:
    other = new_warehouse()
    with connect(warehouse.warehouse, role="storykeep_ingest") as conn:
        conn.execute("create temporary table allowed ()")  # a right on the database, which a copy has to bring along
        before = conn.execute("select count(*) from app.brands").fetchone()
    assert before == (0,)
    assert other.warehouse.database != warehouse.warehouse.database
