"""Times are aware and in UTC, however they were written."""

from datetime import UTC, datetime, timedelta

import pytest

from storykeep.clock import fixed_clock, parse_time, system_clock
from storykeep.errors import StorykeepError

MORNING = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T10:15:00Z",
        "2026-11-21T10:15:00+0000",
        "2026-11-21T10:15:00+00:00",
        "2026-11-21T11:15:00+01:00",
        "2026-11-21 10:15",
        " 20261121T101500 ",
    ],
)
def test_every_way_to_write_a_time_is_the_same_time_in_utc(text: str) -> None:
    at = parse_time(text)
    assert (at, at.utcoffset()) == (MORNING, timedelta(0))


def test_a_day_is_its_first_moment() -> None:
    assert parse_time("2026-11-21") == datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "1763720100", "21.11.2026", "2026-13-01", "2026-11-21T25:00:00Z"])
def test_what_is_no_time_is_said_with_its_place_and_the_way_to_write_it(text: str) -> None:
    with pytest.raises(StorykeepError) as raised:
        parse_time(text, where="line 3")
    assert str(raised.value) == f"line 3: {text!r} is not a time -> write it like 2026-11-21T10:15:00Z"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"])
def test_a_time_beyond_the_calendar_is_none(text: str) -> None:
    with pytest.raises(StorykeepError, match="is not a time"):
        parse_time(text)


def test_the_systems_time_is_in_utc() -> None:
    assert system_clock().utcoffset() == timedelta(0)
    assert abs(system_clock() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_fixed_clock_stands_still() -> None:
    clock = fixed_clock(MORNING)
    assert (clock(), clock()) == (MORNING, MORNING)
