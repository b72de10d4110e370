"""Postgres that crashes, whose disk is full, or that takes no more connections: what was acknowledged stays, whole.

A chunk that was not acknowledged is there as a whole or not at all, and can be landed again.
"""

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.landing import loader
from storykeep.landing.loader import land
from storykeep.landing.payload import content_hash
from storykeep.landing.rows import StoryInsight
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.migrations.upgrade import upgrade
from storykeep.settings import Connection, PostgresSettings, Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
ROWS = 300
MB = 2**20
ROOMY, LEFT = 320 * MB, 6 * MB


def chunk(number: int) -> list[StoryInsight]:
    """What one chunk of replies brings, nearly a megabyte."""
    payload: dict[str, object] = {"data": [], "filler": os.urandom(1500).hex()}
    at = NOON + timedelta(minutes=number)
    return [
        StoryInsight(f"{row}", "acc", "core", at, f"{number}", None, "ok", payload, content_hash(payload))
        for row in range(ROWS)
    ]


class Warehouse:
    """A migrated warehouse on a server of its own that may be hurt."""

    def __init__(self, server: EmbeddedPostgres, folder: Path) -> None:
        self.server = server
        self.settings = Settings(
            connections={name: _connection(getattr(server, name)) for name in ("warehouse", "warehouse_admin")},
            token_keys=(SecretStr(Fernet.generate_key().decode()),),
            bi_password=SecretStr("bi-password-of-the-tests"),
            work_dir=folder,
        )
        upgrade(self.settings)

    def open(self) -> psycopg.Connection:
        conn = connect(self.settings.warehouse, "storykeep_ingest")
        conn.autocommit = True
        return conn

    def landed(self) -> dict[str, int]:
        """How many rows of each chunk are there."""
        with self.open() as conn:
            return dict(conn.execute("select run_id, count(*) from raw.story_insights group by 1").fetchall())

    def crash(self) -> None:
        """What `pg_ctl -m immediate` does: every process of the server ends at once, and nothing is written down."""
        self.server._run("pg_ctl", "stop", "-D", str(self.server._data), "-m", "immediate", "-w")

    def damages(self) -> list[tuple[str, ...]]:
        """What amcheck finds in the tables and indexes of schemas app and raw."""
        with connect(replace(self.server.superuser, database="warehouse")) as conn:
            conn.execute("create extension if not exists amcheck")
            indexes = conn.execute(
                """
                select count(bt_index_check(pg_class.oid, true)::text) from pg_class join pg_am on pg_am.oid = relam
                where relkind = 'i' and amname = 'btree' and relnamespace in ('raw'::regnamespace, 'app'::regnamespace)
                """
            ).fetchone()
            assert indexes is not None and indexes[0] > 20
            return conn.execute(
                """
                select relname, msg from pg_class cross join lateral verify_heapam(oid)
                where relkind = 'r' and relnamespace in ('raw'::regnamespace, 'app'::regnamespace)
                """
            ).fetchall()


def _connection(login: PostgresSettings) -> Connection:
    return Connection(
        host=login.host, port=login.port, login=login.user, password=login.password, schema=login.database
    )


def take_in(conn: psycopg.Connection, rows: Sequence[StoryInsight]) -> None:
    with conn.transaction():
        land(conn, rows)


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[Warehouse]:
    """On a disk that keeps what it is told to keep."""
    server = EmbeddedPostgres(tmp_path / "home")
    try:
        yield Warehouse(server.start(), tmp_path)
    finally:
        server.remove()


def test_a_server_that_crashes_loses_no_acknowledged_row_and_keeps_no_half_chunk(
    fragile: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def between(conn: psycopg.Connection) -> None:
        fragile.crash()
        take_in(conn, chunk(1))

    def before_the_commit(conn: psycopg.Connection) -> None:
        with conn.transaction():
            land(conn, chunk(2))
            fragile.crash()

    def in_the_middle_of_copy(conn: psycopg.Connection) -> None:
        cells = iter(range(10**9))

        def crashing(value: object) -> object:
            if next(cells) == ROWS // 2 * 12:
                fragile.crash()
            return adapted(value)

        adapted = loader._adapted
        with monkeypatch.context() as patch:
            patch.setattr(loader, "_adapted", crashing)
            take_in(conn, chunk(3))

    with fragile.open() as conn:
        take_in(conn, chunk(0))
    acknowledged = {"0": ROWS}
    moments: list[Callable[[psycopg.Connection], None]] = [between, before_the_commit, in_the_middle_of_copy]
    for number, crash in enumerate(moments, start=1):
        with pytest.raises(psycopg.OperationalError), fragile.open() as conn:
            crash(conn)
        fragile.server.start()
        assert fragile.landed() == acknowledged, f"after a crash {crash.__name__}"
        with fragile.open() as conn:
            take_in(conn, chunk(number))
        acknowledged[f"{number}"] = ROWS
    assert fragile.landed() == acknowledged
    assert fragile.damages() == []


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own that can be filled."""
    mounted = Path(tempfile.mkdtemp(prefix="storykeep-small-disk-", dir="/var/tmp"))
    mounted.chmod(0o755)  # the server's user goes through it
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY},mode=755", "storykeep", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        mounted.rmdir()
        pytest.skip("no file system can be mounted here, which takes root and the right to mount")
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)  # noqa: S607 (wherever the system has it)
        mounted.rmdir()


def test_a_full_disk_loses_no_acknowledged_row_and_landing_goes_on_once_there_is_room(small_disk: Path) -> None:
    server = EmbeddedPostgres(small_disk / "home")
    try:
        full = Warehouse(server.start(), small_disk)
        acknowledged: dict[str, int] = {}
        balloon = small_disk / "balloon"
        with pytest.raises(psycopg.OperationalError), full.open() as conn:
            for number in range(200):
                if number == 2:
                    space = os.statvfs(small_disk)
                    with balloon.open("wb") as file:
                        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - LEFT)
                take_in(conn, chunk(number))
                acknowledged[f"{number}"] = ROWS
        assert 2 <= len(acknowledged) < 200
        assert "No space left on device" in (small_disk / "home" / "postgres" / "server.log").read_text()
        balloon.unlink()
        server.start()
        assert full.landed() == acknowledged
        refused = len(acknowledged)
        with full.open() as conn:
            take_in(conn, chunk(refused))
        assert full.landed() == acknowledged | {f"{refused}": ROWS}
        assert full.damages() == []
    finally:
        with suppress(StorykeepError):
            server.remove()


def test_a_server_that_takes_no_more_connections_says_so_and_the_next_try_is_fine(
    warehouse: Settings, postgres: EmbeddedPostgres
) -> None:
    def limit(connections: int) -> None:
        with connect(postgres.superuser) as conn:
            conn.autocommit = True
            name = sql.Identifier(warehouse.warehouse.database)
            conn.execute(sql.SQL("alter database {} connection limit {}").format(name, connections))

    limit(1)
    with connect(warehouse.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        with pytest.raises(StorykeepError, match=r"^Postgres '\w+' at \S+: .*too many connections for database"):
            connect(warehouse.warehouse, "storykeep_ingest")
        take_in(conn, chunk(0))  # who is connected goes on
    limit(-1)
    with connect(warehouse.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        take_in(conn, chunk(1))
        assert conn.execute("select count(*) from raw.story_insights").fetchone() == (2 * ROWS,)


def test_a_server_whose_host_vanishes_is_given_up_within_half_a_minute(warehouse: Settings) -> None:
    """The kernel would wait for two hours for it to speak, and for a quarter of an hour for its receipts."""
    with connect(warehouse.warehouse) as conn, socket.socket(fileno=os.dup(conn.fileno())) as wire:
        idle, interval, count, unacknowledged = (
            wire.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        )
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle + interval * count <= 30
    assert 0 < unacknowledged <= 30_000
