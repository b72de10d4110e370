from datetime import UTC, date, datetime, timedelta

import pytest

from storykeep.sandbox.world.accounts import World
from storykeep.sandbox.world.audience import INTERACTIONS, SHARES, Audience, ends_of_days, start_of

START = datetime(2026, 11, 1, tzinfo=UTC)
WORLD = World(accounts=60, seed=3, start=START)
DAY = timedelta(days=1)


def audience(number: int = 0) -> Audience:
    return Audience(WORLD, WORLD.account(number))


def test_days_begin_at_midnight_in_california_in_summer_and_in_winter():
    assert start_of(date(2026, 7, 1)) == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert start_of(date(2026, 12, 1)) == datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_the_ends_of_days_are_those_in_the_range_up_to_its_last_moment():
    end = start_of(date(2026, 11, 3))
    assert ends_of_days(end - 2 * DAY, end) == [start_of(date(2026, 11, 2)), end]
    assert ends_of_days(end - DAY, end - timedelta(seconds=1)) == []
    assert ends_of_days(end, end + DAY) == [end + DAY]
    first, second = start_of(date(2026, 11, 1)), start_of(date(2026, 11, 2))
    assert second - first == timedelta(hours=25)


@pytest.mark.parametrize("metric", ["views", "likes", "profile_views", "unfollows", "total_interactions"])
def test_totals_of_neighbouring_ranges_add_up(metric):
    middle, end = START + timedelta(hours=31), START + timedelta(hours=80)
    parts = audience().total(metric, START, middle) + audience().total(metric, middle, end)
    assert audience().total(metric, START, end) - parts in range(len(INTERACTIONS) + 1)
    assert audience(2).total("views", START, end) > 100


def test_people_reached_on_several_days_count_once():
    days = [audience().total("reach", START + number * DAY, START + (number + 1) * DAY) for number in range(7)]
    week = audience().total("reach", START, START + 7 * DAY)
    assert max(days) < week < sum(days)


def test_interactions_are_the_sum_of_their_parts():
    parts = [audience().total(metric, START, START + DAY) for metric in INTERACTIONS]
    assert audience().total("total_interactions", START, START + DAY) == sum(parts) > 0


@pytest.mark.parametrize("dimension", [*SHARES, "country", "city"])
@pytest.mark.parametrize("total", [0, 1, 7, 12_345])
def test_a_split_adds_up_to_its_total(dimension, total):
    split = audience().split(total, [dimension])
    assert sum(split.values()) == total
    assert min(split.values()) >= 0


def test_a_split_by_two_dimensions_has_every_pair():
    split = audience().split(10_000, ["age", "gender"])
    assert len(split) == len(SHARES["age"]) * len(SHARES["gender"])
    assert sum(split.values()) == 10_000
    assert sum(n for (age, _), n in split.items() if age == "25-34") == pytest.approx(3600, abs=2)


def test_countries_differ_from_account_to_account_and_are_more_than_are_shown():
    orders = [list(audience(number).split(100_000, ["country"])) for number in range(3)]
    assert orders[0] != orders[1] != orders[2]
    assert all(len(set(order)) > 45 for order in orders)


def test_every_25th_account_has_fewer_than_a_hundred_followers():
    small = {number for number in range(60) if audience(number).followers(START) < 100}
    assert small == {17, 42}


def test_follows_less_unfollows_are_the_growth_of_the_followers():
    for number in range(5):
        one, end = audience(number), START + 20 * DAY
        grown = one.followers(end) - one.followers(START)
        come, gone = one.total("follows", START, end), one.total("unfollows", START, end)
        assert come - gone == max(grown, 0)


def test_followers_are_online_by_the_hour():
    hours = audience().online(date(2026, 11, 5))
    assert list(hours) == [str(hour) for hour in range(24)]
    assert 0 < min(hours.values()) < max(hours.values()) < audience().followers(START)
