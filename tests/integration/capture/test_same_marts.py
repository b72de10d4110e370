"""Whatever is run twice or killed (-9) half-way, the marts are those of an undisturbed run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.marts import MARTS

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.campaigns.registry import import_campaigns
from storykeep.sandbox.serve import Running
from storykeep.settings import Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

from .conftest import EVENING, START, Scene, wired
from .crashing import crash_at

pytestmark = pytest.mark.integration

HALF_AN_HOUR = timedelta(minutes=30)
LATER = EVENING + HALF_AN_HOUR


# What is read at another cadence, and what people hand in.
NOT_CAPTURED = {"fct_account_insights", "fct_audience", "fct_metric_audit", "fct_posts"}


def prepare(scene: Scene) -> None:
    campaigns = scene.settings.work_dir / "campaigns.yaml"
    campaigns.write_text(scene.control("GET", "campaigns.yaml"))
    import_accounts(scene.conn, Vault(scene.settings.token_keys), scene.control("GET", "accounts.csv"), START)
    import_campaigns(scene.conn, campaigns, "ida", START)


def marts(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        names = [name for (name,) in conn.execute("select tablename from pg_tables where schemaname = 'marts'")]
        return {
            name: conn.execute(f"select * from marts.{name} as t order by t::text").fetchall()  # noqa: S608 (a catalogue's name)
            for name in names
        }


def test_twice_and_half_way_make_the_same_marts(
    running: Running, scene: Scene, new_warehouse: Callable[[], Settings]
) -> None:
    prepare(scene)
    scene.tick()
    scene.tick(HALF_AN_HOUR)
    build_marts(scene.settings, LATER)
    undisturbed = marts(scene.settings)
    assert undisturbed.keys() == set(MARTS)
    assert {name for name, rows in undisturbed.items() if not rows} == NOT_CAPTURED

    prepare(scene)
    scene.tick()
    assert build_marts(scene.settings, LATER)["mart rows changed"] == 0
    assert marts(scene.settings) == undisturbed

    disturbed = wired(new_warehouse(), running)
    with connect(disturbed.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        victim = Scene(running, disturbed, conn, scene.owner)
        prepare(victim)
        victim.control("POST", "clock", {"now": EVENING.isoformat()})
        for step in (3, 12, 21):
            assert crash_at(step, disturbed, EVENING)
        victim.tick()
        victim.tick(HALF_AN_HOUR)
    build_marts(disturbed, LATER)
    assert marts(disturbed) == undisturbed
