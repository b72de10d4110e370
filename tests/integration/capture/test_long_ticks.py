"""Ticks that have more to do than there is time for: what is left, to whom, and what does not wait."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock
from storykeep.graph import endpoints
from storykeep.sandbox.serve import Running, sandbox

from .conftest import START, Scene
from .slow import SlowApi

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)
LEFT = "left for the next tick"
STORYTELLER = 20


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A world that is just large enough to have an account of many stories."""
    with sandbox(accounts=STORYTELLER + 1, seed=5, start=START, history_days=14) as started:
        yield started


def listed(scene: Scene) -> dict[str, datetime]:
    return dict(scene.all("select account_id, attempted_at from app.account_clock"))


def quickly(scene: Scene) -> None:
    """A tick that takes no time, and leaves the files."""
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    capture(scene.conn, scene.settings, scene.clients(), fixed_clock(scene.now), f"quick {scene.now}")


def askable(scene: Scene) -> int:
    return int(scene.one("select count(*) from app.connections where status like 'connected%%'"))


def test_what_is_not_begun_in_nine_tenths_of_a_tick_is_left_to_the_next(scene: Scene) -> None:
    begun = scene.now
    run = SlowApi(scene, MINUTE).tick("slow")
    done = listed(scene)
    assert 3 <= len(done) <= 6  # one more of each flavour is under way when the time is up
    assert max(scene.all("select captured_at from raw.story_listings"))[0] - begun <= 6 * MINUTE
    found = scene.one("select count(*) from app.story_clock")
    # Of accounts without the permission, no story is read.
    assert askable(scene) - len(done) < run.counts[LEFT] <= askable(scene) - len(done) + found
    assert scene.one("select counts -> %s from app.runs", LEFT) == run.counts[LEFT]


def test_the_next_ones_begin_with_what_was_left_until_everybody_had_a_turn(scene: Scene) -> None:
    turns: list[set[str]] = []
    while len(listed(scene)) < askable(scene):
        before = set(listed(scene))
        SlowApi(scene, MINUTE).tick(f"slow {len(turns)}")
        turns.append(set(listed(scene)) - before)
        assert len(turns) < 10
    assert len(turns) > 2
    assert all(len(turn) >= 3 for turn in turns[:-1])


def test_a_tick_with_time_enough_leaves_nothing(scene: Scene) -> None:
    run = SlowApi(scene, timedelta(seconds=0.1)).tick("quick enough")
    assert LEFT not in run.counts
    assert len(listed(scene)) == askable(scene)


def test_a_listing_that_was_begun_is_ended_before_the_next_begins(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise accounts with many pages would never be listed whole by ticks that are cut short."""
    monkeypatch.setattr(endpoints, "PAGE_SIZE", "25")
    who = max(scene.with_stories("facebook"), key=lambda one: len(stories_of(scene, one)))
    pages = -(-len(stories_of(scene, who)) // 25)
    assert pages >= 3
    scene.conn.execute(
        "insert into app.account_clock (account_id, listed_at, attempted_at)"
        " select account_id, %s, %s from app.connections join app.accounts using (account_id) where ig_user_id <> %s",
        [scene.now - 60 * MINUTE, scene.now - 60 * MINUTE, who],
    )
    SlowApi(scene, 25 * timedelta(seconds=1)).tick("slow")
    assert scene.all(
        "select status from raw.story_listings join app.accounts using (account_id) where ig_user_id = %s", who
    ) == [("ok",)]


def stories_of(scene: Scene, ig_user_id: str) -> list[str]:
    return [story_id for story_id, story in scene.live().items() if story["ig_user_id"] == ig_user_id]


@pytest.mark.parametrize("phase", ["listings", "readings"])
def test_a_story_that_comes_into_its_last_minutes_does_not_wait_for_the_end_of_a_long_phase(
    scene: Scene, phase: str
) -> None:
    quickly(scene)
    story_id, story = next(
        (story_id, story)
        for story_id, story in sorted(scene.live().items(), key=lambda item: str(item[1]["expires_at"]))
        if story["cause"] is None and datetime.fromisoformat(story["expires_at"]) > scene.now + 40 * MINUTE
    )
    expires_at = datetime.fromisoformat(story["expires_at"])
    scene.now = expires_at - 31 * MINUTE
    quickly(scene)
    scene.now = expires_at - 11 * MINUTE
    if phase == "readings":
        scene.conn.execute("update app.account_clock set listed_at = %s", [scene.now])
        scene.conn.execute(
            "update app.story_clock set tried_at = posted_at where expires_at > %s", [expires_at + MINUTE]
        )
    SlowApi(scene, timedelta(seconds=12)).tick("slow")
    last = scene.one("select max(captured_at) from raw.story_insights where story_id = %s", story_id)
    table = "story_listings" if phase == "listings" else "story_insights"
    end = scene.one(f"select max(captured_at) from raw.{table} where run_id = 'slow'")  # noqa: S608 (fixed names)
    assert expires_at - 10 * MINUTE <= last <= expires_at - 8 * MINUTE
    assert last + MINUTE < end


def test_a_story_that_does_not_answer_in_its_last_minutes_is_not_asked_again_and_again(scene: Scene) -> None:
    quickly(scene)
    story = min(
        (one for one in scene.live().values() if one["cause"] is None),
        key=lambda one: (datetime.fromisoformat(one["expires_at"]) < scene.now + 40 * MINUTE, one["expires_at"]),
    )
    who = story["ig_user_id"]
    scene.now = datetime.fromisoformat(story["expires_at"]) - 31 * MINUTE
    quickly(scene)
    scene.now += 20 * MINUTE
    scene.fault("error_2", who, endpoint="insights")
    scene.control("DELETE", "log")
    run = SlowApi(scene, timedelta(seconds=8)).tick("slow")
    assert "api_unreachable" in run.causes
    one_reading = 4  # groups
    tries = 3  # of the client's own
    assert 0 < scene.calls("insights")[who] <= 2 * one_reading * tries
