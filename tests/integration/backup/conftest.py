"""A warehouse with captured stories and published marts, its backup, and databases to restore it into."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.integration.capture.conftest import EVENING, START, Scene, wired

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.backup.dump import backup
from storykeep.backup.manifest import Manifest
from storykeep.campaigns.registry import import_campaigns
from storykeep.clock import fixed_clock
from storykeep.landing.loader import land
from storykeep.landing.payload import content_hash
from storykeep.landing.rows import StoryInsight, StoryListing
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.maintenance.maintain import apply_retention
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

NewTarget = Callable[[], Settings]


@dataclass(frozen=True)
class Backup:
    """A backup and the warehouse that it was taken of."""

    file: Path
    manifest: Manifest
    source: Settings


@pytest.fixture(scope="package")
def running() -> Iterator[Running]:
    with sandbox(accounts=14, seed=5, start=START, history_days=14) as started:
        yield started


@pytest.fixture(scope="package")
def full(running: Running, new_warehouse: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """The backup of a warehouse with accounts, campaigns, one tick's rows and the marts of them."""
    source = wired(new_warehouse(), running)
    with connect(source.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        scene = Scene(running, source, conn, source.warehouse_admin)
        scene.control("POST", "clock", {"now": EVENING.isoformat(), "speed": 0})
        campaigns = source.work_dir / "campaigns.yaml"
        campaigns.write_text(scene.control("GET", "campaigns.yaml"))
        import_accounts(conn, Vault(source.token_keys), scene.control("GET", "accounts.csv"), START)
        import_campaigns(conn, campaigns, "ida", START)
        scene.tick()
        capture_and_drop_an_old_day(conn, source)
    build_marts(source, EVENING)
    file = tmp_path_factory.mktemp("backup") / "warehouse.dump"
    return Backup(file, backup(source, file, fixed_clock(EVENING)), source)


def capture_and_drop_an_old_day(conn: psycopg.Connection, source: Settings) -> None:
    """A day that retention dropped, so that what it kept is in the backup."""
    ((account_id,),) = conn.execute("select min(account_id) from app.accounts").fetchall()
    then = EVENING - timedelta(days=9)
    hashed: Any = {"payload": {"data": []}, "content_hash": content_hash({"data": []})}
    with conn.transaction():
        listing = StoryListing(account_id, then, "run", "v26.0", "ok", **hashed)
        land(conn, [listing, StoryInsight("1", account_id, "core", then, "run", "v26.0", "ok", **hashed)])
    done = apply_retention(replace(source, retention_days=3), fixed_clock(EVENING), "retention")
    assert done["raw rows kept"] == 2


@pytest.fixture
def new_target(warehouse: Settings, postgres: EmbeddedPostgres) -> Iterator[NewTarget]:
    """Settings that name a database which is not there yet; dropped after the test."""
    made: list[str] = []

    def make() -> Settings:
        made.append(f"{warehouse.warehouse.database}_restored_{len(made)}")
        connections = {name: replace(at, schema=made[-1]) for name, at in warehouse.connections.items()}
        return replace(warehouse, connections=connections)

    yield make
    with connect(postgres.superuser) as conn:
        conn.autocommit = True
        for name in made:
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def target(new_target: NewTarget) -> Settings:
    return new_target()


@pytest.fixture
def admin(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """The admin login at the small warehouse that only this test has; each statement is committed."""
    with connect(warehouse.warehouse_admin) as conn:
        conn.autocommit = True
        yield conn
