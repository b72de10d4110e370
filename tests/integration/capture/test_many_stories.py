"""An account that tells a hundred stories a day, beside others."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock
from storykeep.sandbox.serve import Running, sandbox

from .conftest import START, Scene

pytestmark = pytest.mark.integration

STORYTELLER = 20
TICK = timedelta(minutes=5)
TEN_MINUTES = timedelta(minutes=10)
SPAN = timedelta(minutes=90)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A world that is just large enough to have such an account."""
    with sandbox(accounts=STORYTELLER + 1, seed=5, start=START, history_days=14) as started:
        yield started


def tick(scene: Scene) -> None:
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    capture(scene.conn, scene.settings, scene.clients(), fixed_clock(scene.now), f"tick {scene.now}")


def test_the_last_reading_of_each_of_a_hundred_stories_and_of_all_others_is_in_time(scene: Scene) -> None:
    tick(scene)
    ends = {
        story_id: datetime.fromisoformat(story["expires_at"])
        for story_id, story in scene.live().items()
        if story["cause"] is None
    }
    by_account = [scene.live()[story_id]["username"] for story_id in ends]
    handle = max(by_account, key=by_account.count)
    assert by_account.count(handle) >= 60
    begin = max(ends.values(), key=lambda at: sum(at <= end < at + SPAN for end in ends.values()))
    scene.now = begin - timedelta(minutes=11)
    while scene.now < begin + SPAN:
        tick(scene)
        scene.now += TICK
    ended = {story_id: end for story_id, end in ends.items() if begin <= end < scene.now}
    assert len(ended) >= 15
    accounts = scene.all("select distinct account_id from app.story_clock where story_id = any(%s)", list(ended))
    assert len(accounts) > 1
    last = dict(scene.all("select story_id, read_at from app.story_clock"))
    assert {one: end - last[one] for one, end in ended.items() if end - last[one] > TEN_MINUTES} == {}
