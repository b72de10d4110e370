from datetime import UTC, datetime, timedelta

import pytest

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
    clock.run_at(100)
    ticker.seconds += 1
    assert clock.now() == START + timedelta(seconds=110)


def test_jumps():
    clock = VirtualClock(START, 0, Ticker())
    clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1)
    clock.set(START - timedelta(days=1))
    assert clock.now() == START - timedelta(days=1)
