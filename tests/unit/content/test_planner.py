"""The cadence of the content: what is due at any arrangement of clocks, and what a whole schedule comes to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.content.planner import (
    AHEAD,
    BACKFILL,
    DAYS_READ_AGAIN,
    LADDER,
    LISTED_AGAIN,
    MOST_DAYS,
    PACIFIC,
    SETTLED_AFTER,
    AccountClock,
    Day,
    PostClock,
    Subject,
    plan,
    readings,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)

# Two years, with four changes of the clocks in them.
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
ages = st.timedeltas(timedelta(0), timedelta(days=120))
names = st.text("abcdef0123456789", min_size=1, max_size=8)


def post(age: timedelta, read_age: timedelta | None, now: datetime = NOW) -> PostClock:
    """A post of some age, read when it had another."""
    posted_at = now - age
    return PostClock("1", "a", posted_at, None if read_age is None else posted_at + read_age)


def clock(account_id: str = "a", **done_at: datetime) -> AccountClock:
    return AccountClock(account_id, done_at=done_at)  # type: ignore[arg-type]


def days_due(read_until: datetime | None, now: datetime) -> tuple[Day, ...]:
    known = clock() if read_until is None else clock(account_insights=read_until)
    return plan([known], now).days.get("a", ())


@given(ages)
def test_a_post_is_read_on_discovery_however_old_it_is(age: timedelta) -> None:
    assert readings([post(age, None)], NOW)


@given(ages)
def test_a_post_that_was_just_read_is_not_due(age: timedelta) -> None:
    assert readings([post(age, age)], NOW) == ()


@given(st.timedeltas(timedelta(0), LADDER[-1] - SECOND))
def test_a_post_is_due_again_when_it_reaches_the_next_rung_and_not_before(read_age: timedelta) -> None:
    rung = min(rung for rung in LADDER if rung > read_age)
    assert readings([post(rung - SECOND, read_age)], NOW) == ()
    assert readings([post(rung, read_age)], NOW)


@given(ages, st.timedeltas(LADDER[-1], timedelta(days=120)))
def test_after_its_last_rung_a_post_is_left_in_peace(later: timedelta, read_age: timedelta) -> None:
    assert readings([post(read_age + later, read_age)], NOW) == ()


def test_the_ladder_is_hourly_on_the_first_day_daily_in_the_first_week_and_weekly_to_ninety_days() -> None:
    gaps = {after - before for before, after in pairwise(LADDER)}
    assert gaps == {HOUR, DAY, timedelta(weeks=1), timedelta(days=6)}
    assert [rung for rung in LADDER if rung < DAY] == [HOUR * hour for hour in range(24)]
    assert [rung / DAY for rung in LADDER if DAY <= rung <= 7 * DAY] == [1, 2, 3, 4, 5, 6, 7]
    assert LADDER[-1] == 90 * DAY


def test_an_hourly_schedule_reads_a_post_once_for_each_rung() -> None:
    posted_at, known, read = NOW - 17 * timedelta(minutes=1), post(timedelta(0), None), []
    for hour in range(24 * 100):
        now = NOW + hour * HOUR + timedelta(seconds=hour * 37 % 50)
        if readings([replace(known, posted_at=posted_at)], now):
            known = replace(known, read_at=now)
            read.append(now)
    assert len(read) == len(LADDER)
    assert all(at - posted_at - rung < HOUR + timedelta(minutes=1) for at, rung in zip(read, LADDER, strict=True))


@given(moments, moments)
def test_the_days_are_whole_finished_in_order_and_up_to_the_newest(read_until: datetime, now: datetime) -> None:
    days = days_due(_midnight(read_until), now)
    assert len(days) <= MOST_DAYS
    for day in days:
        assert day.since == _midnight(day.since)
        assert day.until == _midnight(day.until)
        assert 23 * HOUR <= day.until - day.since <= 25 * HOUR
    assert [day.until for day in days[:-1]] == [day.since for day in days[1:]]
    if days:
        assert days[-1].until <= now - SETTLED_AFTER < days[-1].until + 25 * HOUR


@given(moments, st.integers(0, 60))
def test_every_day_that_was_missed_is_caught_up_with_and_the_last_ones_are_read_again(
    now: datetime, missed: int
) -> None:
    (*_, newest) = days_due(None, now)
    read_until = _midnight(newest.until - missed * DAY + 2 * HOUR)
    days = days_due(read_until, now)
    assert len(days) == (min(missed + DAYS_READ_AGAIN, MOST_DAYS) if missed else 0)
    if missed:
        assert days[-1] == newest
        assert days_due(newest.until, now) == ()


@given(moments)
def test_at_first_sight_the_newest_days_are_read(now: datetime) -> None:
    assert len(days_due(None, now)) == 1 + DAYS_READ_AGAIN


@pytest.mark.parametrize(
    ("now", "since", "until"),
    [
        ("2026-11-21T16:00:00", "2026-11-20T08:00:00", "2026-11-21T08:00:00"),
        ("2026-11-21T15:59:59", "2026-11-19T08:00:00", "2026-11-20T08:00:00"),
        ("2026-11-02T16:00:00", "2026-11-01T07:00:00", "2026-11-02T08:00:00"),  # 25 hours
        ("2026-03-09T15:00:00", "2026-03-08T08:00:00", "2026-03-09T07:00:00"),  # 23 hours
    ],
)
def test_a_day_ends_at_midnight_in_us_pacific_time_and_is_read_when_it_has_settled(
    now: str, since: str, until: str
) -> None:
    (*_, newest) = days_due(None, _utc(now))
    assert newest == Day(_utc(since), _utc(until))


@given(st.lists(names, unique=True, min_size=1, max_size=5), moments)
def test_an_hourly_schedule_asks_for_each_subject_at_its_own_cadence(accounts: list[str], start: datetime) -> None:
    weeks = 3
    done: dict[str, dict[Subject, datetime]] = {name: {} for name in accounts}
    asked: dict[str, dict[str, int]] = {name: {"profile": 0, "posts": 0, "audience": 0} for name in accounts}
    for hour in range(weeks * 7 * 24):
        now = start + hour * HOUR
        work = plan([AccountClock(name, done_at=done[name]) for name in accounts], now)
        for subject, due in (("profile", work.profiles), ("posts", work.posts), ("audience", work.audiences)):
            for name in due:
                asked[name][subject] += 1
                done[name][subject] = now  # type: ignore[index]
    for name in accounts:
        # Once on first sight, and then once in each hour, day or week that begins.
        assert asked[name]["posts"] == weeks * 7 * 24
        assert asked[name]["profile"] in (weeks * 7, weeks * 7 + 1)
        assert asked[name]["audience"] in (weeks, weeks + 1)


def test_the_days_of_accounts_begin_at_different_hours() -> None:
    done = NOW - 23 * HOUR
    hours = {
        next(hour for hour in range(48) if plan([clock(f"acc_{n}", profile=done)], done + hour * HOUR).profiles)
        for n in range(100)
    }
    assert hours > set(range(1, 20))


@given(st.lists(st.tuples(names, moments), unique_by=lambda drawn: drawn[0]), moments)
def test_a_plan_does_not_depend_on_the_order_of_the_clocks(drawn: list[tuple[str, datetime]], now: datetime) -> None:
    clocks = [clock(name, profile=at, posts=at, audience=at, account_insights=_midnight(at)) for name, at in drawn]
    assert plan(clocks, now) == plan(reversed(clocks), now)


def test_posts_are_listed_as_far_back_as_they_may_be_new_or_changed() -> None:
    assert plan([clock()], NOW).posts == {"a": NOW - BACKFILL}
    assert plan([clock(posts=NOW - HOUR)], NOW).posts == {"a": NOW - HOUR - LISTED_AGAIN}
    assert plan([clock(posts=NOW - 200 * DAY)], NOW).posts == {"a": NOW - BACKFILL}


def test_without_insights_only_profile_and_posts_are_asked_for() -> None:
    work = plan([replace(clock(), can_read_insights=False)], NOW)
    assert (work.profiles, list(work.posts), work.days, work.audiences) == (("a",), ["a"], {}, ())


def test_times_of_a_clock_that_was_set_back_since_are_not_believed() -> None:
    ahead = NOW + AHEAD + SECOND
    work = plan([clock(profile=ahead, posts=ahead, audience=ahead, account_insights=ahead)], NOW)
    assert work == plan([clock()], NOW)
    assert readings([PostClock("1", "a", NOW - HOUR, ahead)], NOW)


def test_the_newest_posts_come_first() -> None:
    posts = [PostClock(str(n), "a", NOW - n * HOUR, None) for n in (3, 1, 2)]
    assert [one.media_id for one in readings(posts, NOW)] == ["1", "2", "3"]


def _midnight(at: datetime) -> datetime:
    """The Pacific midnight at which the day of this moment began."""
    local = at.astimezone(PACIFIC)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
