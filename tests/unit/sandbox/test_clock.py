from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest

from storykeep.errors import StorykeepError
from storykeep.sandbox.clock import VirtualClock

START = datetime(2026, 11, 1, tzinfo=UTC)


class Ticker:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("speed", "expected"), [(0, 0), (1, 10), (60, 600)])
def test_runs_at_its_speed(speed, expected):
    ticker = Ticker()
    clock = VirtualClock(START, speed, ticker)
    ticker.seconds += 10
    assert clock.now() == START + timedelta(seconds=expected)


def test_a_new_speed_counts_from_now_on():
    ticker = Ticker()
    clock = VirtualClock(START, 1, ticker)
    ticker.seconds += 10
    clock.set(clock.now(), 100)
    ticker.seconds += 1
    assert clock.now() == START + timedelta(seconds=110)


def test_jumps():
    clock = VirtualClock(START, 0, Ticker())
    clock.set(START + timedelta(hours=1), 0)
    assert clock.now() == START + timedelta(hours=1)
    clock.set(START - timedelta(days=1), 0)
    assert clock.now() == START - timedelta(days=1)


@pytest.mark.parametrize("speed", [-1, inf, nan, 1e300])
def test_a_speed_that_cannot_be_is_refused_and_changes_nothing(speed):
    with pytest.raises(StorykeepError, match="no clock runs at"):
        VirtualClock(START, speed)
    clock = VirtualClock(START, 0, Ticker())
    with pytest.raises(StorykeepError, match="choose a speed"):
        clock.set(START + timedelta(days=1), speed)
    assert (clock.now(), clock.speed) == (START, 0)


@pytest.mark.parametrize("year", [1, 2020, 2061, 9999])
def test_a_moment_outside_the_world_is_refused(year):
    clock = VirtualClock(START, 0, Ticker())
    with pytest.raises(StorykeepError, match="choose 2021 to 2060"):
        clock.set(START.replace(year=year), 0)
    assert clock.now() == START


def test_the_clock_stands_still_at_the_end_of_the_world():
    ticker = Ticker()
    clock = VirtualClock(START, 1_000_000, ticker)
    ticker.seconds += 1_000_000
    assert clock.now() == datetime(2060, 12, 31, 23, 59, 59, tzinfo=UTC)
