"""What an account as a whole reaches, day by day; days are Pacific ones, as in the API."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

from storykeep.sandbox.world.accounts import Account, World
from storykeep.sandbox.world.ids import fraction

PACIFIC = ZoneInfo("America/Los_Angeles")
INTERACTIONS = ("likes", "comments", "saves", "shares", "replies", "reposts")
_UNIQUE = ("reach", "accounts_engaged")
_AGAIN = 0.6  # the share of those reached on a day that the fullest day has reached, too
_FIRST_SMALL, _SMALL_APART = 17, 25
# per view of the day
_RATES = {
    "views": 1.0,
    "reach": 0.55,
    "accounts_engaged": 0.06,
    "likes": 0.06,
    "comments": 0.004,
    "saves": 0.006,
    "shares": 0.008,
    "replies": 0.002,
    "reposts": 0.001,
    "profile_links_taps": 0.003,
    "profile_views": 0.02,
    "website_clicks": 0.002,
    "unfollows": 0.0008,
}
SHARES: Mapping[str, Mapping[str, float]] = {
    "media_product_type": {"POST": 0.3, "REEL": 0.36, "STORY": 0.2, "CAROUSEL_CONTAINER": 0.11, "AD": 0.03},
    "follow_type": {"FOLLOWER": 0.6, "NON_FOLLOWER": 0.37, "UNKNOWN": 0.03},
    "contact_button_type": {"UNDEFINED": 0.7, "EMAIL": 0.15, "CALL": 0.08, "DIRECTION": 0.05, "TEXT": 0.02},
    "age": {
        "13-17": 0.04,
        "18-24": 0.27,
        "25-34": 0.36,
        "35-44": 0.18,
        "45-54": 0.09,
        "55-64": 0.04,
        "65+": 0.02,
    },
    "gender": {"F": 0.56, "M": 0.38, "U": 0.06},
}
"""How a figure splits by a dimension; country and city differ from account to account."""

_COUNTRIES = (  # noqa: SIM905 - as a list it is fifty lines
    "DE US GB FR IT ES BR JP IN AT CH NL BE PL SE NO DK FI IE PT GR CZ HU RO TR UA CA MX AR CL CO PE AU NZ ID PH TH VN "
    "MY SG KR TW HK ZA NG KE EG MA SA AE"
).split()
_REGIONS = ("North", "South", "East", "West")
_TOWNS = (  # noqa: SIM905 - as above
    "Hamburg Lyon Torino Malmö Porto Graz Gent Leeds Sevilla Kraków Osaka Recife Denver Austin Calgary Perth"
).split()
_CITIES = tuple(f"{town}, {region}" for region in _REGIONS for town in _TOWNS)


class Audience:
    """The audience of one account."""

    def __init__(self, world: World, account: Account) -> None:
        self._world, self._account = world, account
        self._seed = world.seed

    def followers(self, at: datetime) -> int:
        """How many follow the account at a moment; every 25th account has fewer than a hundred."""
        number = self._account.number
        is_small = number % _SMALL_APART == _FIRST_SMALL
        first = 25 + number % 60 if is_small else int(self._account.audience * 6) + number % 97
        daily = 0.003 * fraction(self._seed, "followers", number) - 0.0005
        return int(first * (1 + daily * ((at - self._world.start) / timedelta(days=1))))

    def total(self, metric: str, since: datetime, until: datetime) -> int:
        """A metric's total from one moment to another; people reached on several days count once."""
        if metric == "total_interactions":
            return sum(self.total(part, since, until) for part in INTERACTIONS)
        if metric == "follows":
            return max(self.followers(until) - self.followers(since), 0) + self.total("unfollows", since, until)
        daily = [self._of_day(metric, day) * share for day, share in _days(since, until)]
        if metric in _UNIQUE and daily:
            return int(max(daily) + (1 - _AGAIN) * (sum(daily) - max(daily)))
        return int(sum(daily))

    def split(self, total: int, dimensions: Sequence[str]) -> dict[tuple[str, ...], int]:
        """A total by one or more dimensions; the parts add up to it."""
        parts = [self._shares(dimension).items() for dimension in dimensions]
        found, before, share = {}, 0, 0.0
        for combined in product(*parts):
            share += math.prod(weight for _, weight in combined)
            upto = round(total * share)
            found[tuple(value for value, _ in combined)] = upto - before
            before = upto
        return found

    def online(self, day: date) -> dict[str, int]:
        """How many followers were online in each Pacific hour of a day."""
        followers = self.followers(start_of(day))
        noise = [fraction(self._seed, "online", self._account.number, day, hour) for hour in range(24)]
        return {
            str(hour): int(followers * (0.25 + 0.15 * math.sin((hour - 8) / 24 * math.tau) + 0.05 * noise[hour]))
            for hour in range(24)
        }

    def _of_day(self, metric: str, day: date) -> float:
        number = self._account.number
        views = self._account.audience * (2 + 2 * fraction(self._seed, "audience", number, day))
        return views * _RATES[metric] * (0.8 + 0.4 * fraction(self._seed, metric, number, day))

    def _shares(self, dimension: str) -> Mapping[str, float]:
        """The shares of a dimension, which add up to 1."""
        if dimension in SHARES:
            return SHARES[dimension]
        values = _COUNTRIES if dimension == "country" else _CITIES
        order = sorted(values, key=lambda value: fraction(self._seed, dimension, self._account.number, value))
        weights = [1 / (rank + 1) for rank in range(len(order))]
        return {value: weight / sum(weights) for value, weight in zip(order, weights, strict=True)}


def start_of(day: date) -> datetime:
    """The Pacific midnight at which a day begins: 07:00 or 08:00 UTC."""
    return datetime.combine(day, time(), PACIFIC).astimezone(UTC)


def ends_of_days(since: datetime, until: datetime) -> list[datetime]:
    """The ends of all Pacific days that lie after `since` and not after `until`."""
    first = since.astimezone(PACIFIC).date()
    count = (until.astimezone(PACIFIC).date() - first).days
    return [start_of(first + timedelta(days=number)) for number in range(1, count + 1)]


def _days(since: datetime, until: datetime) -> list[tuple[date, float]]:
    """The Pacific days from one moment to another, and the share of each that lies between them."""
    edges = [since, *(end for end in ends_of_days(since, until) if end < until), until]
    found = []
    for begin, end in pairwise(edges):
        day = begin.astimezone(PACIFIC).date()
        found.append((day, (end - begin) / (start_of(day + timedelta(days=1)) - start_of(day))))
    return found
