"""What is due at a tick: a pure function of the clocks."""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

STORY_LIFE = timedelta(hours=24)
# In its last minutes a story is read at every tick, so that the last reading is fresh and a failed one has a second
# chance.
SWEEP = timedelta(minutes=10)
# Ticks do not start on the second; without this an account would wait a whole tick more for being early by one.
PUNCTUALITY = timedelta(minutes=1)
# A story is read on discovery and then once at each of these ages: densely while views come in fast.
LADDER = tuple(timedelta(hours=hours) for hours in (0, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 20, 22, 23))
# An account near its rate limit is listed so many times more seldom.
PACE = 2
# An account that has posted so many times around this time of day lately is listed so many times more often.
HABIT = 2
HASTE = 3


@dataclass(frozen=True, slots=True)
class AccountClock:
    """When the account's last complete listing was, and when one was last tried; None before the first.

    `posted_now` is how many of its stories of late were posted around this time of day.
    """

    account_id: str
    listed_at: datetime | None
    attempted_at: datetime | None = None
    posted_now: int = 0


@dataclass(frozen=True, slots=True)
class StoryClock:
    """A story that still runs, and when the API last answered a reading of it."""

    story_id: str
    account_id: str
    posted_at: datetime
    expires_at: datetime
    tried_at: datetime | None


@dataclass(frozen=True)
class Plan:
    """Due work in the order in which it is to be done."""

    sweeps: tuple[StoryClock, ...]
    listings: tuple[str, ...]
    readings: tuple[StoryClock, ...]

    @property
    def accounts(self) -> set[str]:
        """Everybody whom the plan concerns."""
        return {*self.listings, *(story.account_id for story in (*self.sweeps, *self.readings))}


def plan(
    accounts: Iterable[AccountClock],
    stories: Iterable[StoryClock],
    *,
    blocked: Collection[str],
    reserved: Collection[str] = (),
    paced: Collection[str] = (),
    now: datetime,
    list_every: timedelta,
) -> Plan:
    """Choose the listings and readings that are due at `now`.

    The rate-limit pools set limits, each of which goes further than the one before: accounts in `paced` (theirs is
    nearly full) are listed more seldom, and their stories are read on discovery and in their last minutes only; of
    accounts in `reserved` nothing but those last readings is planned; accounts in `blocked` are skipped. Stories come
    nearest expiry first, listings longest untried first.
    """
    running = [story for story in stories if story.account_id not in blocked and now < story.expires_at]
    listings = [
        account
        for account in accounts
        if account.account_id not in blocked
        and account.account_id not in reserved
        and _listing_due(account, now, list_every, is_paced=account.account_id in paced)
    ]
    readings = [
        story
        for story in running
        if story.account_id not in reserved and _reading_due(story, now, is_paced=story.account_id in paced)
    ]
    return Plan(
        sweeps=sweeps(running, now=now, since=now),
        listings=tuple(account.account_id for account in sorted(listings, key=_longest_untried)),
        readings=tuple(sorted(readings, key=_nearest_expiry)),
    )


def sweeps(stories: Iterable[StoryClock], *, now: datetime, since: datetime) -> tuple[StoryClock, ...]:
    """Of these stories those that are in their last minutes at `now` and were not answered for at `since` or later."""
    due = [story for story in stories if now < story.expires_at and _sweep_due(story, now, since)]
    return tuple(sorted(due, key=_nearest_expiry))


def _sweep_due(story: StoryClock, now: datetime, since: datetime) -> bool:
    return story.expires_at - now <= SWEEP and (story.tried_at is None or story.tried_at < since)


def _reading_due(story: StoryClock, now: datetime, *, is_paced: bool) -> bool:
    """Whether a rung of the ladder was reached since the last answer. Several missed rungs make one reading."""
    if _sweep_due(story, now, now):
        return False
    if story.tried_at is None or is_paced:
        return story.tried_at is None
    reached = bisect_right(LADDER, now - story.posted_at)
    return reached > 0 and story.tried_at < story.posted_at + LADDER[reached - 1]


def _listing_due(account: AccountClock, now: datetime, list_every: timedelta, *, is_paced: bool) -> bool:
    if account.listed_at is None:
        return True
    if is_paced:
        list_every *= PACE
    elif account.posted_now >= HABIT:
        list_every /= HASTE
    return now - account.listed_at >= list_every - PUNCTUALITY


def _nearest_expiry(story: StoryClock) -> tuple[datetime, str]:
    return (story.expires_at, story.story_id)


def _longest_untried(account: AccountClock) -> tuple[float, str]:
    """Tried and not listed: accounts that fail again and again do not stand before all others."""
    tried_at = account.attempted_at or account.listed_at
    return (tried_at.timestamp() if tried_at else 0.0, account.account_id)
