from datetime import timedelta
from decimal import Decimal

import pytest

from storykeep.report.figures import Count, bare_count, duration, interactions, money, percent, span, story_count


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (Count(1234), "1,234"),
        (Count(0), "0"),
        (Count(None), "unknown"),
        (Count(None, unknown=1), "unknown"),
        (Count(None, unknown=3), "unknown x3"),
        (Count(None, withheld=2), "0-8 withheld"),
        (Count(1234, withheld=1), "1,234\n+0-4 withheld"),
        (Count(1234, withheld=2, unknown=2), "1,234\n+0-8 withheld\n+ unknown x2"),
        (Count(None, withheld=1, unknown=1), "0-4 withheld\n+ unknown"),
    ],
)
def test_known_withheld_and_unknown_are_three_things(count: Count, shown: str) -> None:
    assert str(count) == shown


@pytest.mark.parametrize(
    ("value", "is_withheld", "shown"),
    [(0, False, "0"), (None, True, "0-4 withheld"), (None, False, "unknown")],
)
def test_the_count_of_one_story(value: int | None, is_withheld: bool, shown: str) -> None:
    assert str(story_count(value, is_withheld)) == shown
    assert bare_count(value, is_withheld) == shown.removesuffix(" withheld")


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "unknown"),
        (Decimal("1.000000"), "100 %"),
        (Decimal("0.999999"), "99.9 %"),
        (0.5, "50 %"),
        (1 / 3, "33.3 %"),
        (0, "0 %"),
        (0.0004, "< 0.1 %"),
    ],
)
def test_a_share_is_never_rounded_up(share: Decimal | float | None, shown: str) -> None:
    assert percent(share) == shown


def test_interactions_of_withheld_stories_alone_are_withheld() -> None:
    assert interactions(1200, 3) == "1,200"
    assert interactions(None, 3) == "0-12 withheld"
    assert interactions(None, 0) == "unknown"


def test_a_share_can_be_shown_more_finely() -> None:
    assert percent(0.99996, 2) == "99.99 %"


@pytest.mark.parametrize(
    ("lower", "upper", "shown"),
    [(1000, 2500, "1,000-2,500"), (7, 7, "7"), (None, None, "unknown"), (0, 4, "0-4"), (None, 9, "unknown")],
)
def test_a_span_has_two_bounds(lower: int | None, upper: int | None, shown: str) -> None:
    assert span(lower, upper) == shown


def test_money_carries_its_currency() -> None:
    assert money(Decimal("12000.00"), "EUR") == "EUR 12,000"
    assert money(Decimal("9.1250"), "EUR", 2) == "EUR 9.12"
    assert money(None, "EUR") == "unknown"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=15, seconds=9), "15 min"),
        (timedelta(hours=26, minutes=10), "26 h 10 min"),
        (timedelta(days=3, hours=5), "3 d 5 h"),
    ],
)
def test_a_duration_is_said_in_its_largest_units(length: timedelta, shown: str) -> None:
    assert duration(length) == shown
