"""A made-up past of many accounts, landed as capture would have landed it, and one tick more.

Every account is listed every 15 minutes for 20 days and posts about 3.3 stories a day, each of which is read 15 times.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import psycopg
from stage import LIST_EVERY, START, TICK

from storykeep.landing.loader import land
from storykeep.landing.rows import Row, Story, StoryInsight, StoryListing

DAYS = timedelta(days=20)
LIFE = timedelta(hours=24)
HALF_LIFE = timedelta(hours=6)
AGES = tuple(timedelta(hours=hours) for hours in (0, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 20, 22, 23, 23.87, 23.95))
READINGS_OF_ACCOUNT = 1_000
# Of the live stories so many have a reading due at a tick of five minutes.
DUE_SHARE = 0.05
CHUNK_ROWS = 5_000
VERSION = "v26.0"
HASH = "0" * 64


@dataclass(frozen=True)
class History:
    """A past of `readings` in all, which ends at START, of these accounts."""

    account_ids: list[str]
    readings: int

    def land(self, conn: psycopg.Connection) -> None:
        """Write it down."""
        _land(conn, self._listings())
        _land(conn, (row for number in range(self._stories) for row in self._life(number)))

    def land_tick(self, conn: psycopg.Connection, number: int) -> None:
        """Write down what a tick after it brings: a listing of every account, readings of a few live stories."""
        now = START + number * TICK
        live = [story for story in range(self._stories) if now - self._posted_at(story) < LIFE]
        rows = [_listing(account_id, now) for account_id in self.account_ids]
        _land(conn, [*rows, *self._readings(live[: round(len(live) * DUE_SHARE)], now)])

    @property
    def _stories(self) -> int:
        return self.readings // len(AGES)

    def _listings(self) -> Iterator[Row]:
        for turn in range(DAYS // LIST_EVERY):
            for account_id in self.account_ids:
                yield _listing(account_id, START - DAYS + turn * LIST_EVERY)

    def _life(self, number: int) -> Iterator[Row]:
        posted_at = self._posted_at(number)
        yield _story(number, self._account(number), posted_at)
        for age in AGES:
            if posted_at + age <= START:
                yield from self._readings([number], posted_at + age)

    def _readings(self, numbers: Iterable[int], at: datetime) -> Iterator[Row]:
        for number in numbers:
            views = int(500 * (1 - 0.5 ** ((at - self._posted_at(number)) / HALF_LIFE)))
            for group, payload in (("core", _core(views)), ("navigation", _navigation(views))):
                yield StoryInsight(
                    _id(number), self._account(number), group, at, "bench", VERSION, "ok", payload, f"{views:064x}"
                )

    def _posted_at(self, number: int) -> datetime:
        """The stories are spread evenly over the days, whole seconds apart."""
        return START - DAYS + timedelta(seconds=int(number * DAYS.total_seconds() / self._stories))

    def _account(self, number: int) -> str:
        return self.account_ids[number % len(self.account_ids)]


def _land(conn: psycopg.Connection, rows: Iterable[Row]) -> None:
    left = iter(rows)
    while chunk := list(islice(left, CHUNK_ROWS)):
        with conn.transaction():
            land(conn, chunk)


def _id(number: int) -> str:
    return str(18_000_000_000_000_000 + number)


def _listing(account_id: str, at: datetime) -> StoryListing:
    return StoryListing(account_id, at, "bench", VERSION, "ok", HASH, {})


def _story(number: int, account_id: str, at: datetime) -> Story:
    node: dict[str, object] = {
        "id": _id(number),
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "media_type": "IMAGE",
        "permalink": f"https://instagram.com/stories/someone/{number}",
        "caption": "Behind the scenes today",
    }
    return Story(_id(number), account_id, at, "bench", VERSION, node, HASH)


def _core(views: int) -> dict[str, object]:
    shares = {"views": 1.0, "reach": 0.8, "replies": 0.01, "shares": 0.005, "total_interactions": 0.04, "navigation": 1}
    values = {name: int(share * views) for name, share in shares.items()}
    return {"data": [{"name": name, "period": "lifetime", "values": [{"value": it}]} for name, it in values.items()]}


def _navigation(views: int) -> dict[str, object]:
    result = {"dimension_values": ["tap_forward"], "value": views}
    total = {"value": views, "breakdowns": [{"dimension_keys": ["story_navigation_action_type"], "results": [result]}]}
    return {"data": [{"name": "navigation", "period": "lifetime", "total_value": total}]}
