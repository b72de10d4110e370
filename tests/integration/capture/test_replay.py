"""Ticks at virtual times: which are run and which are skipped as nothing is due."""

from datetime import datetime, timedelta

import pytest

from storykeep.capture.replay import replay

from .conftest import Scene

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)


def replayed(scene: Scene, minutes: int) -> list[int]:
    """How many minutes from now a tick was run, of one that might be every five minutes."""
    start, ran = scene.now, []

    def set_clock(at: datetime) -> None:
        scene.control("POST", "clock", {"now": at.isoformat()})
        ran.append((at - start) // MINUTE)

    count = replay(
        scene.conn,
        scene.settings,
        scene.clients(),
        start=start + 5 * MINUTE,
        end=start + minutes * MINUTE,
        every=5 * MINUTE,
        set_clock=set_clock,
        on_tick=lambda at, run: None,
    )
    assert count == len(ran)
    return ran


@pytest.fixture
def quiet(scene: Scene) -> Scene:
    """A scene in which everything has just been listed and read, and in which nothing but listings will be due."""
    scene.tick()
    scene.conn.execute("update app.story_clock set is_refused = true")
    return scene


def tell_apps(scene: Scene, percent: int, rests_until: datetime | None = None) -> None:
    """How full the pools of both apps are from now on."""
    scene.conn.execute(
        "insert into app.api_pools (pool, usage_percent, blocked_until, updated_at)"
        " select pool, %s, %s, %s from unnest(array['app:facebook', 'app:instagram']) as pool"
        " on conflict (pool) do update set usage_percent = excluded.usage_percent,"
        " blocked_until = excluded.blocked_until, updated_at = excluded.updated_at",
        [percent, rests_until, scene.now],
    )


def test_a_tick_is_run_only_when_something_is_due(quiet: Scene) -> None:
    ran = replayed(quiet, 20)
    assert 15 in ran
    assert len(ran) < 4


def test_while_all_pools_rest_no_tick_is_run(quiet: Scene) -> None:
    tell_apps(quiet, 100, rests_until=quiet.now + 32 * MINUTE)
    assert replayed(quiet, 40)[0] == 35


def test_while_all_pools_are_nearly_full_listings_are_due_half_as_often(quiet: Scene) -> None:
    tell_apps(quiet, 80)
    assert replayed(quiet, 35)[0] == 30


def test_while_all_pools_are_down_to_their_reserve_no_listing_is_due(quiet: Scene) -> None:
    tell_apps(quiet, 95)
    assert replayed(quiet, 60) == []


def test_accounts_whose_app_is_not_set_up_are_never_due(quiet: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "clients", dict)
    assert replayed(quiet, 30) == []
