"""What of the accounts' content is due at a time: a pure function of the clocks."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zlib import crc32
from zoneinfo import ZoneInfo

Subject = Literal["posts", "profile", "account_insights", "audience"]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# How often these are asked for. Account insights are not: their days end when Meta says so.
EVERY: Mapping[Subject, timedelta] = {"posts": HOUR, "profile": DAY, "audience": timedelta(weeks=1)}
# A post is read on discovery and then once at each of these ages: hourly on its first day, daily in its first week,
# weekly to its last reading.
LADDER = (
    *(timedelta(hours=hours) for hours in range(24)),
    *(timedelta(days=days) for days in range(1, 7)),
    *(timedelta(weeks=weeks) for weeks in range(1, 13)),
    timedelta(days=90),
)
# How far back the posts of an account are listed when it is first seen.
BACKFILL = timedelta(days=90)
# Posts that came so long before the last listing are listed again, for captions that were changed.
LISTED_AGAIN = timedelta(days=7)
# At Meta a day ends at midnight in US Pacific time, at 07:00 or 08:00 UTC.
PACIFIC = ZoneInfo("America/Los_Angeles")
# After a day's end the follows of its last hours are missing for some hours.
SETTLED_AFTER = timedelta(hours=8)
# A new day is read together with so many before it: Meta may add to a day for 48 hours.
DAYS_READ_AGAIN = 2
# The API gives account insights of a range of 30 days at most; what was missed for longer is left out.
MOST_DAYS = 30
# A time so far ahead was noted by a clock that has been set back since, and says nothing.
AHEAD = timedelta(minutes=5)

# Of a week.
HOURS = 7 * 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class AccountClock:
    """When each subject of an account was last answered in full; of account insights the end of the last day read.

    Without insights neither those nor the audience are asked for.
    """

    account_id: str
    can_read_insights: bool = True
    done_at: Mapping[Subject, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostClock:
    """A post, and when the API last answered a reading of it."""

    media_id: str
    account_id: str
    posted_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day as Meta counts it, from `since` (included) to `until` (not included)."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Work:
    """What is due, by account: the time since which its posts are to be listed, and the days, the oldest first."""

    profiles: tuple[str, ...]
    posts: Mapping[str, datetime]
    days: Mapping[str, tuple[Day, ...]]
    audiences: tuple[str, ...]

    @property
    def accounts(self) -> set[str]:
        """Everybody whom this concerns."""
        return {*self.profiles, *self.posts, *self.days, *self.audiences}


def plan(accounts: Iterable[AccountClock], now: datetime) -> Work:
    """Choose what is due at `now`. What failed is due until it is answered."""
    known = sorted((_believed(clock, now) for clock in accounts), key=lambda clock: clock.account_id)
    insightful = [clock for clock in known if clock.can_read_insights]
    days = {clock.account_id: _days_due(clock, now) for clock in insightful}
    return Work(
        profiles=tuple(clock.account_id for clock in known if _is_due(clock, "profile", now)),
        posts={clock.account_id: _listed_since(clock, now) for clock in known if _is_due(clock, "posts", now)},
        days={account_id: due for account_id, due in days.items() if due},
        audiences=tuple(clock.account_id for clock in insightful if _is_due(clock, "audience", now)),
    )


def readings(posts: Iterable[PostClock], now: datetime) -> tuple[PostClock, ...]:
    """The posts whose numbers are due, the newest first. Several missed rungs of the ladder make one reading."""
    due = [post for post in posts if _reading_due(post, now)]
    return tuple(sorted(due, key=lambda post: (post.posted_at, post.media_id), reverse=True))


def _reading_due(post: PostClock, now: datetime) -> bool:
    if post.read_at is None or post.read_at > now + AHEAD:
        return True
    reached = bisect_right(LADDER, now - post.posted_at)
    return reached > 0 and post.read_at < post.posted_at + LADDER[reached - 1]


def _is_due(clock: AccountClock, subject: Subject, now: datetime) -> bool:
    """Whether it was not answered in the present hour, day or week.

    Days and weeks begin at another hour for each account, so that not all accounts are asked at once.
    """
    done_at, begins = clock.done_at.get(subject), _EPOCH + crc32(clock.account_id.encode()) % HOURS * HOUR
    return done_at is None or (done_at - begins) // EVERY[subject] < (now - begins) // EVERY[subject]


def _listed_since(clock: AccountClock, now: datetime) -> datetime:
    done_at = clock.done_at.get("posts")
    return now - BACKFILL if done_at is None else max(done_at - LISTED_AGAIN, now - BACKFILL)


def _days_due(clock: AccountClock, now: datetime) -> tuple[Day, ...]:
    """The finished days that were not read yet, with those before them that are read again."""
    newest = (now - SETTLED_AFTER).astimezone(PACIFIC).date() - DAY
    read_until = clock.done_at.get("account_insights")
    if read_until is not None and _end_of(newest) <= read_until:
        return ()
    first_unread = newest if read_until is None else read_until.astimezone(PACIFIC).date()
    first = max(first_unread - DAYS_READ_AGAIN * DAY, newest - (MOST_DAYS - 1) * DAY)
    return tuple(_day(first + number * DAY) for number in range((newest - first).days + 1))


def _day(day: date) -> Day:
    return Day(_end_of(day - DAY), _end_of(day))


def _end_of(day: date) -> datetime:
    return datetime.combine(day + DAY, time(), PACIFIC).astimezone(UTC)


def _believed(clock: AccountClock, now: datetime) -> AccountClock:
    """The clock without times that are ahead of `now`."""
    return replace(clock, done_at={subject: at for subject, at in clock.done_at.items() if at <= now + AHEAD})
