"""Killing a run over the content (-9) between any two steps loses nothing and doubles nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import psycopg
import pytest
from tests.integration.capture.conftest import START, wired
from tests.integration.capture.crashing import crash_at

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock
from storykeep.content.engine import sync_content
from storykeep.graph.client import open_clients
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import ContentScene

pytestmark = pytest.mark.integration

# Everything that a mart is built from: all columns but those that name the run or the order of landing. An error has a
# trace of its own, and a node has links that differ at every read.
STATE = {
    "raw.media": "media_id, account_id, captured_at, content_hash",
    "raw.media_insights": "media_id, metric_group, captured_at, status, payload - 'error', error_code, error_subcode",
    "raw.account_profiles": "account_id, captured_at, content_hash",
    "raw.account_insights": "account_id, metric_group, since, until, captured_at, status, payload",
    "raw.audience": "account_id, metric, dimension, timeframe, captured_at, status, payload",
    "raw.dead_letters": "account_id, endpoint, content_hash",
    "app.content_clock": "account_id, subject, tried_at, done_at",
    "app.media_clock": "media_id, account_id, posted_at, read_at, is_refused",
    "app.refused_metrics": "media_id, metric, error_code, error_subcode, refused_at",
    "app.api_pools": "pool, blocked_until, updated_at",
    "app.connections": "account_id, status, reason, status_since",
}


def sync(conn: psycopg.Connection, settings: Settings, at: datetime) -> None:
    """The work of the DAG sync_content."""
    conn.autocommit = True
    sync_content(conn, settings, open_clients(settings), fixed_clock(at), f"content-{at.isoformat()}")


@pytest.fixture(scope="module")
def small_world() -> Iterator[Running]:
    """One account of the flavour that is asked in batches, so that a run has few enough steps to crash at each."""
    with sandbox(accounts=1, seed=5, start=START, history_days=14) as running:
        yield running


def state(scene: ContentScene) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: scene.all(f"select {columns} from {table} order by {columns}")  # noqa: S608 (fixed names)
        for table, columns in STATE.items()
    }


def test_a_crash_at_any_step_heals_with_the_next_run_at_the_same_time(
    small_world: Running, warehouse: Settings, postgres: EmbeddedPostgres
) -> None:
    settings = wired(warehouse, small_world)
    superuser = replace(postgres.superuser, database=settings.warehouse.database)
    with connect(settings.warehouse, "storykeep_ingest") as conn, connect(superuser) as owner:
        conn.autocommit = owner.autocommit = True
        scene = ContentScene(small_world, settings, conn, superuser)

        def begin_again() -> None:
            owner.execute(f"truncate {', '.join((*STATE, 'app.runs', 'app.accounts'))} cascade")
            import_accounts(conn, Vault(settings.token_keys), scene.control("GET", "accounts.csv"), START)

        begin_again()
        scene.sync()
        undisturbed = state(scene)
        assert {table for table, rows in undisturbed.items() if rows} >= {*STATE} - {"raw.dead_letters"}
        steps = 0
        while True:
            begin_again()
            if not crash_at(steps, settings, scene.now, sync):
                break
            if steps % 5 == 0:  # of a run that dies twice, too
                crash_at(steps + 1, settings, scene.now, sync)
            scene.sync()
            assert state(scene) == undisturbed, f"after a crash at step {steps}"
            steps += 1
        assert steps > 30
