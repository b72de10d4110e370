import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from storykeep.sandbox.api import Api
from storykeep.sandbox.calls import Call
from storykeep.sandbox.cdn import Cdn
from storykeep.sandbox.clock import VirtualClock
from storykeep.sandbox.tokens import TokenBook
from storykeep.sandbox.view import State
from storykeep.sandbox.world.accounts import World
from storykeep.sandbox.world.campaigns import campaigns_of
from storykeep.sandbox.world.curves import NAVIGATION, REACH_LAG, grow, grow_post
from storykeep.sandbox.world.ids import draw
from storykeep.sandbox.world.posts import Posts
from storykeep.sandbox.world.stories import LIFE, Stories
from storykeep.sandbox.world.truth import truth

START = datetime(2026, 11, 1, tzinfo=UTC)
HALF_LIFE = timedelta(hours=6)


NET = ("reposts", "total_interactions")


def growth(seed: int = 1, **changes):
    options = {"audience": 900.0, "half_life": HALF_LIFE, "tiny": False, "counts_replies": True} | changes
    return grow(draw(seed), **options)


@pytest.mark.parametrize("seed", range(5))
def test_counts_never_fall(seed):
    readings = [growth(seed).numbers(timedelta(minutes=minute)) for minute in range(0, 24 * 60 + 1, 7)]
    assert readings[0]["views"] == 0
    for earlier, later in pairwise(readings):
        assert all(earlier[name] <= later[name] for name in earlier if name not in NET)


@pytest.mark.parametrize("name", NET)
def test_net_counts_fall_a_little_now_and_then_as_actions_are_undone(name):
    steps = []
    for seed in range(20):
        one = growth(seed, audience=20_000.0)
        readings = [one.numbers(timedelta(minutes=minute))[name] for minute in range(0, 24 * 60 + 1)]
        assert min(readings) >= 0
        assert readings[-1] > 0
        steps += [later - earlier for earlier, later in pairwise(readings)]
    assert -2 <= min(steps) < 0
    assert sum(step < 0 for step in steps) < len(steps) / 20


def test_views_saturate_by_the_half_life():
    one = growth()
    first, second = (one.numbers(HALF_LIFE * times)["views"] for times in (1, 2))
    assert first == pytest.approx(one.potential / 2, abs=1)
    assert second == pytest.approx(one.potential * 3 / 4, abs=1)


def test_reach_lags_by_an_hour():
    one = growth()
    assert one.numbers(REACH_LAG)["reach"] == 0
    assert one.numbers(REACH_LAG)["views"] > 0
    assert one.numbers(HALF_LIFE + REACH_LAG)["reach"] == one.viewers(HALF_LIFE)


def test_navigation_is_the_sum_of_its_four_parts():
    counts = growth().numbers(LIFE)
    assert counts["navigation"] == sum(counts[name] for name in NAVIGATION.values()) > 0


def test_tiny_stories_never_have_five_viewers_and_others_do():
    for seed in range(200):
        assert 0 < growth(seed, tiny=True).viewers(LIFE) < 5
        assert growth(seed).viewers(LIFE) >= 5


def test_replies_are_not_counted_for_some():
    assert growth().numbers(LIFE)["replies"] > 0
    assert growth(counts_replies=False).numbers(LIFE)["replies"] == 0


def test_numbers_stand_still_after_the_end_of_life():
    world = World(accounts=3, seed=1, start=START)
    story = next(Stories(world, ()).posted_until(START + timedelta(days=1)))
    assert story.numbers(story.expires_at) == story.numbers(story.expires_at + timedelta(days=9))


def test_a_post_grows_for_weeks():
    one = grow_post(draw(1), audience=900.0)
    views = [one.numbers(timedelta(days=days))["views"] for days in (0, 1, 7, 28, 60, 400)]
    assert views[0] == 0
    assert views[1] < views[2] < views[3] <= views[4] <= views[5]
    assert views[5] == int(one.potential)


@pytest.mark.parametrize("hours", [1, 30, 75])
def test_truth_equals_insights(hours):
    world = World(accounts=6, seed=3, start=START)
    stories, tokens, at = Stories(world, campaigns_of(world)), TokenBook(world), START + timedelta(hours=hours)
    api = Api(State(world, stories, Posts(world), tokens, Cdn("", 3), {}), VirtualClock(at, speed=0))
    rows = {row["story_id"]: row for row in truth(stories, tokens, at)["stories"]}
    metrics = "reach,views,replies,shares,follows,profile_visits,total_interactions,reposts"
    compared = 0
    for account in world.accounts():
        for story in stories.live(account, at):
            if story.viewers(at) < 5:
                continue
            token = tokens.latest(account).token
            reply = api.answer(
                Call.make(account.flavour, "GET", f"{story.story_id}/insights", {"metric": metrics}, token)
            )
            for row in json.loads(reply.body)["data"]:
                assert row["values"] == [{"value": rows[story.story_id][row["name"]]}]
                compared += 1
    assert compared > 20
