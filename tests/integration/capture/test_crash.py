"""Killing the capture process (-9) between any two steps loses nothing and doubles nothing."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import EVENING, START, Scene, wired
from .crashing import crash_at

pytestmark = pytest.mark.integration

# Everything that a mart is built from: all columns but those that name the run or the order of landing, and for nodes
# the content hash instead of the payload, whose signed links differ at every read. An error has a trace of its own.
STATE = {
    "raw.story_listings": "account_id, captured_at, status, cause, payload, content_hash",
    "raw.stories": "story_id, account_id, captured_at, content_hash",
    "raw.story_insights": "story_id, metric_group, captured_at, status, payload - 'error', error_code, error_subcode",
    "raw.media_files": "story_id, kind, captured_at, status, cause, content_hash, path",
    "raw.dead_letters": "account_id, endpoint, content_hash",
    "app.account_clock": "account_id, listed_at",
    "app.story_clock": "story_id, posted_at, expires_at, first_seen_at, tried_at, read_at, is_refused",
    "app.refused_metrics": "media_id, metric, error_code, error_subcode, refused_at",
    "app.api_pools": "pool, blocked_until, updated_at",
    "app.connections": "account_id, status, reason, status_since",
    "app.connection_events": "account_id, happened_at, kind, status, reason",
}


@pytest.fixture(scope="module")
def small_world() -> Iterator[Running]:
    """Few accounts, so that a tick has few enough steps to crash at each of them."""
    with sandbox(accounts=4, seed=5, start=START, history_days=14) as running:
        yield running


def state(scene: Scene) -> dict[str, list[tuple[object, ...]]]:
    found = {
        table: scene.all(f"select {columns} from {table} order by {columns}")  # noqa: S608 (fixed names)
        for table, columns in STATE.items()
    }
    media = Path(scene.settings.media_root)
    files = [path.relative_to(media) for path in media.rglob("*.*") if path.suffix != ".part"]
    return found | {"files": [(str(path),) for path in sorted(files)]}


def test_a_crash_at_any_step_heals_with_the_next_run_at_the_same_time(
    small_world: Running, warehouse: Settings, postgres: EmbeddedPostgres
) -> None:
    settings = wired(warehouse, small_world)
    superuser = replace(postgres.superuser, database=settings.warehouse.database)
    with connect(settings.warehouse, "storykeep_ingest") as conn, connect(superuser) as owner:
        conn.autocommit = owner.autocommit = True
        scene = Scene(small_world, settings, conn, superuser)

        def begin_again() -> None:
            shutil.rmtree(settings.media_root, ignore_errors=True)
            owner.execute(f"truncate {', '.join((*STATE, 'app.runs', 'app.accounts'))} cascade")
            import_accounts(conn, Vault(settings.token_keys), scene.control("GET", "accounts.csv"), START)

        begin_again()
        scene.tick()
        undisturbed = state(scene)
        assert len(undisturbed["raw.story_insights"]) > 3
        begin_again()
        step = 0
        while crash_at(step, settings, EVENING):
            scene.tick()
            assert state(scene) == undisturbed, f"after a crash at step {step}"
            begin_again()
            step += 1
        assert step > 10
