"""What the usage headers do: an account near its limit is asked less, and a full pool is left in peace."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from storykeep.accounts import pools
from storykeep.graph.client import Answer
from storykeep.graph.usage import Pool, Usage

from .conftest import Changing, Scene

pytestmark = pytest.mark.integration

MINUTES_5 = timedelta(minutes=5)
HALF_AN_HOUR = timedelta(minutes=30)


def tells(scene: Scene, percent: int, *victims: str, minutes: int = 0, app: int | None = None) -> None:
    """From now on the API says in its headers how full the pools of the victims, or all apps, are."""

    def changed(answer: Answer) -> Answer:
        pools = {answer.ask.pool: Pool(percent if answer.ask.pool in victims else 1, minutes)}
        return replace(answer, usage=Usage(Pool(app) if app is not None else None, pools))

    scene.change = changed


def asked(scene: Scene, after: timedelta) -> dict[str, int]:
    """Who is asked how often by a tick."""
    scene.control("DELETE", "log")
    scene.tick(after)
    return scene.calls()


def test_the_usage_of_every_pool_is_kept_with_its_time(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    tells(scene, 42, victim, app=7)
    calls = asked(scene, timedelta(0))
    kept = dict(scene.all("select pool, usage_percent from app.api_pools where updated_at = %s", scene.now))
    assert kept[victim] == 42
    assert kept.keys() - {"app:facebook", "app:instagram"} == set(calls)
    assert (kept["app:facebook"], kept["app:instagram"]) == (7, 7)


def test_the_headers_of_a_real_reply_are_kept(scene: Scene) -> None:
    scene.tick()
    pools = {pool for (pool,) in scene.all("select pool from app.api_pools where usage_percent is not null")}
    assert {"app:facebook", *scene.with_stories("facebook"), *scene.with_stories("instagram")} <= pools


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_an_account_near_its_limit_is_listed_half_as_often_and_not_read_on_the_ladder(
    scene: Scene, flavour: str
) -> None:
    victim = scene.with_stories(flavour)[0]
    tells(scene, 80, victim)
    scene.tick()
    quarter = asked(scene, timedelta(minutes=15))
    assert victim not in quarter
    assert len(quarter) > 5
    half = asked(scene, timedelta(minutes=15))
    new = scene.one("select count(*) from app.story_clock where first_seen_at = %s", scene.now)
    assert half[victim] == 1 or new
    assert scene.calls("stories")[victim] == 1
    assert scene.one("select counts -> 'paced accounts' from app.runs order by clock_at desc, run_id limit 1") == 1


def test_a_nearly_full_app_paces_all_of_its_accounts(scene: Scene) -> None:
    tells(scene, 1, app=80)
    scene.tick()
    assert asked(scene, timedelta(minutes=15)) == {}


def test_just_below_the_limit_nothing_changes(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    tells(scene, 79, victim)
    scene.tick()
    assert victim in asked(scene, timedelta(minutes=15))


def test_a_figure_of_more_than_an_hour_ago_paces_nobody(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    scene.tick()
    scene.conn.execute(
        "update app.api_pools set usage_percent = 99, updated_at = %s where pool = %s",
        [scene.now - timedelta(minutes=44), victim],
    )
    assert victim not in asked(scene, timedelta(minutes=15))
    assert victim in asked(scene, timedelta(minutes=2))


def test_a_paced_account_keeps_every_sweep(scene: Scene) -> None:
    scene.tick()
    victims = scene.with_stories("facebook")
    story = min(
        (one for one in scene.live().values() if one["ig_user_id"] in victims), key=lambda one: one["expires_at"]
    )
    expires_at = datetime.fromisoformat(story["expires_at"])
    tells(scene, 99, *victims)
    scene.now = expires_at - timedelta(minutes=12)
    scene.tick()
    for _ in range(2):
        scene.tick(MINUTES_5)
        assert scene.one("select tried_at from app.story_clock where story_id = %s", story["story_id"]) == scene.now


def ending_first(scene: Scene, *victims: str) -> tuple[str, datetime]:
    """Of the stories that the victims could be asked for, the one that ends first, and when."""
    stories = [one for one in scene.live().values() if one["ig_user_id"] in victims and one["cause"] is None]
    first = min(stories, key=lambda one: one["expires_at"])
    return first["story_id"], datetime.fromisoformat(first["expires_at"])


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_from_95_percent_on_nothing_but_sweeps_is_sent(scene: Scene, flavour: str) -> None:
    scene.tick()
    victims = scene.with_stories(flavour)
    story_id, expires_at = ending_first(scene, *victims)
    victim = scene.live()[story_id]["ig_user_id"]
    tells(scene, 95, victim)
    scene.now = expires_at - timedelta(minutes=52)
    scene.tick()
    while scene.now < expires_at - timedelta(minutes=12):
        assert victim not in asked(scene, MINUTES_5)
    handle = scene.one("select username from app.accounts where ig_user_id = %s", victim)
    assert handle in scene.one("select causes -> 'throttled' from app.runs where clock_at = %s", scene.now)
    assert victim in asked(scene, MINUTES_5)
    assert victim not in scene.calls("stories")
    assert scene.one("select tried_at from app.story_clock where story_id = %s", story_id) == scene.now


def test_why_a_reserved_account_is_not_listed_is_landed(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    tells(scene, 95, victim)
    scene.tick()
    for _ in range(6):
        scene.tick(MINUTES_5)
    assert scene.all(
        "select status, cause, captured_at from raw.story_listings join app.accounts using (account_id)"
        " where ig_user_id = %s order by captured_at",
        victim,
    ) == [("ok", None, scene.now - HALF_AN_HOUR), ("failed", "throttled", scene.now)]


def test_just_below_the_reserve_an_account_is_paced_and_no_more(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    tells(scene, 94, victim)
    scene.tick()
    assert victim in asked(scene, HALF_AN_HOUR)


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_a_pool_that_is_down_to_its_reserve_within_a_tick_is_asked_no_further(scene: Scene, flavour: str) -> None:
    victim = scene.with_stories(flavour)[0]
    tells(scene, 97, victim)
    calls = asked(scene, timedelta(0))
    assert calls[victim] == 1  # the listing that told it
    assert max(calls.values()) > 1


def test_a_sweep_that_the_listing_of_the_same_tick_brings_may_use_the_reserve(scene: Scene) -> None:
    story_id, expires_at = ending_first(scene, *scene.with_stories("facebook"))
    victim = scene.live()[story_id]["ig_user_id"]
    tells(scene, 97, victim)
    scene.now = expires_at - timedelta(minutes=4)
    scene.tick()
    assert scene.all(
        "select distinct story_id from raw.story_insights join app.accounts using (account_id) where ig_user_id = %s",
        victim,
    ) == [(story_id,)]


def test_an_app_that_is_down_to_its_reserve_keeps_it_for_the_sweeps_of_all_its_accounts(scene: Scene) -> None:
    scene.tick()
    facebook = scene.with_stories("facebook")
    story_id, expires_at = ending_first(scene, *facebook)
    scene.now = expires_at - timedelta(minutes=6)
    scene.conn.execute(
        "update app.api_pools set usage_percent = 99, updated_at = %s where pool = 'app:facebook'", [scene.now]
    )
    calls = asked(scene, timedelta(0))
    assert calls.keys() & facebook == {scene.live()[story_id]["ig_user_id"]}
    assert set(scene.with_stories("instagram")) <= calls.keys()


@pytest.mark.parametrize(
    ("rested_until", "reserved"), [(timedelta(minutes=1), False), (timedelta(minutes=6), True), (None, True)]
)
def test_a_full_pool_that_has_rested_since_is_no_longer_reserved(
    scene: Scene, rested_until: timedelta | None, reserved: bool
) -> None:
    scene.conn.execute(
        "insert into app.api_pools (pool, usage_percent, blocked_until, updated_at) values ('a', 100, %s, %s)",
        [rested_until and scene.now - rested_until, scene.now - MINUTES_5],
    )
    standing = pools.standing(scene.conn, "ab", scene.now)
    assert standing == pools.Standing(reserved={"a"} if reserved else set(), paced={"a"})


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_nothing_is_sent_to_a_full_pool_before_its_time_although_no_call_failed(scene: Scene, flavour: str) -> None:
    victim = scene.with_stories(flavour)[0]
    tells(scene, 100, victim, minutes=20)
    scene.control("DELETE", "log")
    run = scene.tick()
    assert scene.calls()[victim] == 1  # the listing that told it
    assert scene.one("select blocked_until from app.api_pools where pool = %s", victim) == scene.now + timedelta(
        minutes=20
    )
    (handle,) = run.causes["throttled"]
    assert scene.one("select ig_user_id from app.accounts where username = %s", handle) == victim
    tells(scene, 10, victim)
    for _ in range(3):
        assert victim not in asked(scene, MINUTES_5)
    assert asked(scene, MINUTES_5)[victim] > 1


def test_a_full_pool_without_an_estimate_rests_for_a_quarter_of_an_hour(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    tells(scene, 100, victim)
    scene.tick()
    tells(scene, 10, victim)
    assert victim not in asked(scene, timedelta(minutes=14))
    assert victim in asked(scene, timedelta(minutes=1))


def test_what_a_reading_tells_of_its_pool_counts_too(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]

    def changed(answer: Answer) -> Answer:
        is_reading = answer.ask.pool == victim and answer.ask.path.endswith("insights")
        return replace(answer, usage=Usage(pools={victim: Pool(100, 30)}) if is_reading else None)

    scene.change = changed
    scene.tick()
    assert dict(scene.all("select pool, blocked_until from app.api_pools")) == {victim: scene.now + HALF_AN_HOUR}


def test_a_full_app_stops_its_own_flavour_alone(scene: Scene) -> None:
    facebook = set(scene.with_stories("facebook"))

    def changed(answer: Answer) -> Answer:
        return replace(answer, usage=Usage(Pool(100, 60)) if answer.ask.pool in facebook else None)

    scene.change = changed
    scene.tick()
    assert not facebook & asked(scene, HALF_AN_HOUR).keys()
    assert set(scene.with_stories("instagram")) <= scene.calls().keys()


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_a_throttled_account_is_sent_nothing_until_its_time_whatever_is_due(scene: Scene, flavour: str) -> None:
    """Its stories go into their last minutes meanwhile: those calls too would lengthen the block."""
    scene.tick()
    victims = scene.with_stories(flavour)
    story = min(
        (one for one in scene.live().values() if one["ig_user_id"] in victims), key=lambda one: one["expires_at"]
    )
    victim = story["ig_user_id"]
    scene.now = datetime.fromisoformat(story["expires_at"]) - timedelta(minutes=15)
    scene.fault("throttle", victim, minutes=12)
    scene.tick()
    scene.control("DELETE", "faults")
    for _ in range(2):
        assert victim not in asked(scene, MINUTES_5)
    assert asked(scene, timedelta(minutes=3))[victim] > 0


def test_a_client_of_the_tests_changes_what_it_answers(scene: Scene) -> None:
    scene.change = lambda answer: replace(answer, api_version="v99.0")
    assert all(isinstance(client, Changing) for client in scene.clients().values())
    scene.tick()
    assert scene.all("select distinct api_version from raw.stories") == [("v99.0",)]
