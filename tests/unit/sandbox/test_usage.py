from datetime import UTC, datetime, timedelta

from storykeep.sandbox.usage import RollingCount

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_counts_the_last_hours_only():
    calls = RollingCount(hours=24)
    assert [calls.add(NOW), calls.add(NOW + timedelta(hours=23)), calls.add(NOW + timedelta(hours=24))] == [1, 2, 2]


def test_a_clock_set_back_begins_anew():
    calls = RollingCount(hours=1)
    calls.add(NOW)
    assert calls.add(NOW - timedelta(hours=5)) == 1
    assert calls.add(NOW) == 1
