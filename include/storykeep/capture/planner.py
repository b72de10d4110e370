"""What is due at a tick: a pure function of the clocks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

STORY_LIFE = timedelta(hours=24)
# In its last minutes a story is read at every tick, so that the last reading is fresh and a failed one has a second
# chance.
SWEEP = timedelta(minutes=10)
# Ticks do not start on the second; without this an account would wait a whole tick more for being early by one.
PUNCTUALITY = timedelta(minutes=1)
# A time so far ahead was noted by a clock that has been set back since, and says nothing. A tick under way notes times
# that are somewhat later than its own.
AHEAD = timedelta(minutes=5)
# A story is read on discovery and then once at each of these ages: densely while views come in fast.
LADDER = tuple(timedelta(hours=hours) for hours in (0, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 20, 22, 23))
# An account near its rate limit is listed so many times more seldom.
PACE = 2


@dataclass(frozen=True, slots=True)
class AccountClock:
    """When the account's last complete listing was; None before the first."""

    account_id: str
    listed_at: datetime | None


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
    paced: Collection[str] = (),
    now: datetime,
    list_every: timedelta,
) -> Plan:
    """Choose the listings and readings that are due at `now`.

    Accounts in `blocked` (their rate-limit pool is throttled) are skipped. Accounts in `paced` (theirs is nearly full)
    are listed more seldom, and their stories are read on discovery and in their last minutes only. Stories come
    nearest expiry first, listings longest unlisted first.
    """
    free = [story for story in stories if story.account_id not in blocked and now < story.expires_at]
    by_expiry = sorted(free, key=lambda story: (story.expires_at, story.story_id))
    listings = [
        account
        for account in accounts
        if account.account_id not in blocked
        and _listing_due(account, now, list_every * PACE if account.account_id in paced else list_every)
    ]
    return Plan(
        sweeps=tuple(story for story in by_expiry if _sweep_due(story, now)),
        listings=tuple(account.account_id for account in sorted(listings, key=_longest_unlisted)),
        readings=tuple(story for story in by_expiry if _reading_due(story, now, is_paced=story.account_id in paced)),
    )


def _sweep_due(story: StoryClock, now: datetime) -> bool:
    is_tried = story.tried_at is not None and now <= story.tried_at <= now + AHEAD
    return story.expires_at - now <= SWEEP and not is_tried


def _reading_due(story: StoryClock, now: datetime, *, is_paced: bool) -> bool:
    """Whether a rung of the ladder was reached since the last answer. Several missed rungs make one reading."""
    if _sweep_due(story, now):
        return False
    if story.tried_at is None or is_paced:
        return story.tried_at is None
    reached = [story.posted_at + age for age in LADDER if story.posted_at + age <= now]
    return bool(reached) and story.tried_at < reached[-1]


def _listing_due(account: AccountClock, now: datetime, list_every: timedelta) -> bool:
    if account.listed_at is None or account.listed_at > now + AHEAD:
        return True
    return now - account.listed_at >= list_every - PUNCTUALITY


def _longest_unlisted(account: AccountClock) -> tuple[float, str]:
    return (account.listed_at.timestamp() if account.listed_at else 0.0, account.account_id)
