"""When accounts post: what their clocks tell of it, and that they are listed sooner then."""

from datetime import timedelta

import pytest

from storykeep.capture import clocks

from .conftest import Scene

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def posted(scene: Scene, account_id: str, *ages: timedelta) -> None:
    """The account has posted stories so long ago, which were found a minute later."""
    for age in ages:
        at = scene.now - age
        scene.conn.execute(
            "insert into app.story_clock (story_id, account_id, posted_at, expires_at, first_seen_at, tried_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            [f"{account_id} {age}", account_id, at, at + DAY, at + MINUTE, scene.now],
        )


@pytest.fixture
def lazy(scene: Scene) -> str:
    """An account that never posted, as far as is known; all accounts have just been listed."""
    scene.conn.execute(
        "insert into app.account_clock (account_id, listed_at, attempted_at)"
        " select account_id, %s, %s from app.connections",
        [scene.now, scene.now],
    )
    return str(scene.one("select account_id from app.connections where status = 'connected' order by 1 limit 1"))


@pytest.mark.parametrize(
    ("age", "is_around_now"),
    [
        (10 * MINUTE, True),
        (31 * MINUTE, False),
        (DAY - 29 * MINUTE, True),
        (DAY - 31 * MINUTE, False),
        (DAY + 29 * MINUTE, True),
        (DAY + 31 * MINUTE, False),
        (7 * DAY, True),
        (7 * DAY + 12 * 60 * MINUTE, False),
        (13 * DAY, True),
        (14 * DAY, False),
    ],
)
def test_a_clock_counts_what_was_posted_around_this_time_of_day(
    scene: Scene, lazy: str, age: timedelta, is_around_now: bool
) -> None:
    posted(scene, lazy, age)
    other = scene.one("select account_id from app.connections where account_id <> %s limit 1", lazy)
    found = {clock.account_id: clock for clock in clocks.accounts(scene.conn, [lazy, other], scene.now)}
    assert (found[lazy].posted_now, found[other].posted_now) == (int(is_around_now), 0)
    assert found[lazy].listed_at == found[lazy].attempted_at == scene.now


def test_an_account_is_listed_at_every_tick_while_its_habit_says_that_it_posts(scene: Scene, lazy: str) -> None:
    posted(scene, lazy, DAY, 3 * DAY)
    scene.control("DELETE", "log")
    ig_user_id = scene.one("select ig_user_id from app.accounts where account_id = %s", lazy)
    for times in (1, 2):
        scene.tick(5 * MINUTE)
        assert scene.calls("stories") == {ig_user_id: times}
    scene.tick(25 * MINUTE)
    assert len(scene.calls("stories")) > 5
    scene.control("DELETE", "log")
    scene.tick(5 * MINUTE)
    assert ig_user_id not in scene.calls("stories")
