"""The planner: what is due, in which order, at any arrangement of clocks."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.capture.planner import LADDER, STORY_LIFE, SWEEP, AccountClock, Plan, StoryClock, plan, sweeps

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def story(age: timedelta, tried_ago: timedelta | None = None, story_id: str = "1", account_id: str = "a") -> StoryClock:
    posted_at = NOW - age
    return StoryClock(
        story_id, account_id, posted_at, posted_at + STORY_LIFE, None if tried_ago is None else NOW - tried_ago
    )


def planned(
    stories: list[StoryClock],
    accounts: list[AccountClock] | None = None,
    blocked: Collection[str] = (),
    paced: Collection[str] = (),
    reserved: Collection[str] = (),
) -> Plan:
    return plan(accounts or [], stories, blocked=blocked, reserved=reserved, paced=paced, now=NOW, list_every=QUARTER)


# Half of them around the end, where most is decided.
ages = st.timedeltas(timedelta(0), timedelta(hours=26)) | st.timedeltas(
    STORY_LIFE - timedelta(minutes=15), STORY_LIFE + timedelta(minutes=2)
)
stories_drawn = st.lists(
    st.builds(
        story,
        ages,
        st.none() | st.timedeltas(timedelta(0), timedelta(hours=26)),
        st.integers(1, 10**6).map(str),
        st.sampled_from("abc"),
    ),
    unique_by=lambda drawn: drawn.story_id,
)
accounts_drawn = st.lists(
    st.builds(
        AccountClock,
        st.sampled_from("abc"),
        st.none() | st.timedeltas(timedelta(0), timedelta(hours=2)).map(lambda ago: NOW - ago),
        posted_now=st.integers(0, 4),
    ),
    unique_by=lambda drawn: drawn.account_id,
)
some_accounts = st.sets(st.sampled_from("abc"))


def test_a_new_story_is_read_at_once() -> None:
    new = story(timedelta(minutes=3))
    assert planned([new]).readings == (new,)


def test_each_rung_makes_one_reading() -> None:
    """A story looked at every minute of its life is read once for each rung before its sweep."""
    posted_at, tried_at, read_at = NOW, None, []
    for minute in range(24 * 60):
        now = posted_at + timedelta(minutes=minute)
        clock = StoryClock("1", "a", posted_at, posted_at + STORY_LIFE, tried_at)
        due = plan([], [clock], blocked=(), now=now, list_every=QUARTER)
        if due.readings:
            read_at.append(now - posted_at)
        if due.readings or due.sweeps:
            tried_at = now
    assert tuple(read_at) == LADDER


def test_missed_rungs_are_made_up_for_by_one_reading() -> None:
    assert len(planned([story(timedelta(hours=9), tried_ago=timedelta(hours=8, minutes=30))]).readings) == 1
    assert planned([story(timedelta(hours=9), tried_ago=timedelta(minutes=30))]).readings == ()


def test_a_story_is_swept_at_every_tick_of_its_last_ten_minutes_but_not_twice_at_one() -> None:
    last_minutes = STORY_LIFE - timedelta(minutes=7)
    assert len(planned([story(last_minutes, tried_ago=timedelta(minutes=5))]).sweeps) == 1
    assert planned([story(last_minutes, tried_ago=timedelta(0))]).sweeps == ()
    assert planned([story(STORY_LIFE - SWEEP - timedelta(seconds=1), tried_ago=timedelta(minutes=5))]).sweeps == ()


def test_an_expired_story_is_left_alone() -> None:
    due = planned([story(STORY_LIFE), story(STORY_LIFE + timedelta(hours=1), story_id="2")])
    assert (due.sweeps, due.readings) == ((), ())


def test_accounts_are_listed_by_their_cadence_and_the_longest_unlisted_first() -> None:
    clocks = [
        AccountClock("just", NOW - timedelta(minutes=5)),
        AccountClock("due", NOW - timedelta(minutes=15)),
        AccountClock("late", NOW - timedelta(hours=2)),
        AccountClock("new", None),
    ]
    assert planned([], clocks).listings == ("new", "late", "due")


def test_a_tick_that_starts_a_second_early_still_lists() -> None:
    early = AccountClock("a", NOW - QUARTER + timedelta(seconds=2))
    assert planned([], [early]).listings == ("a",)


def test_a_blocked_account_is_skipped_whole() -> None:
    due = planned([story(timedelta(minutes=1))], [AccountClock("a", None)], blocked={"a"})
    assert (due.sweeps, due.listings, due.readings) == ((), (), ())


@given(stories_drawn, some_accounts)
def test_any_plan_is_in_deadline_order_complete_and_free_of_doubles(
    stories: list[StoryClock], blocked: set[str]
) -> None:
    due = planned(stories, blocked=blocked)
    for part in (due.sweeps, due.readings):
        assert list(part) == sorted(part, key=lambda one: (one.expires_at, one.story_id))
    ids = [one.story_id for one in (*due.sweeps, *due.readings)]
    assert len(ids) == len(set(ids))
    for one in stories:
        askable = one.account_id not in blocked and one.expires_at > NOW
        ending = one.expires_at - NOW <= SWEEP
        fresh = one.tried_at is not None and one.tried_at >= NOW
        assert (one in due.sweeps) == (askable and ending and not fresh)
        assert one.account_id not in blocked or one.story_id not in ids


def test_a_paced_account_is_listed_half_as_often() -> None:
    def listed(ago: timedelta) -> bool:
        return bool(planned([], [AccountClock("a", NOW - ago)], paced="a").listings)

    assert not listed(timedelta(minutes=28))
    assert listed(timedelta(minutes=29))
    assert planned([], [AccountClock("a", None)], paced="a").listings == ("a",)


def test_a_paced_story_is_read_on_discovery_and_then_not_before_its_last_minutes() -> None:
    new = story(timedelta(hours=3))
    assert planned([new], paced="a").readings == (new,)
    assert planned([story(timedelta(hours=9), tried_ago=timedelta(hours=8))], paced="a").readings == ()
    last_minutes = story(STORY_LIFE - timedelta(minutes=7), tried_ago=timedelta(minutes=5))
    assert planned([last_minutes], paced="a").sweeps == (last_minutes,)


@given(stories_drawn, accounts_drawn, some_accounts, some_accounts)
def test_pacing_costs_no_sweep_and_a_blocked_pool_gets_nothing(
    stories: list[StoryClock], accounts: list[AccountClock], blocked: set[str], paced: set[str]
) -> None:
    full, due = planned(stories, accounts, blocked), planned(stories, accounts, blocked, paced)
    assert due.sweeps == full.sweeps
    assert due.listings == tuple(one for one in full.listings if one not in paced or one in due.listings)
    assert set(due.readings) <= set(full.readings)
    assert {one for one in full.readings if one.account_id not in paced} <= set(due.readings)
    assert not blocked & due.accounts


@given(stories_drawn, accounts_drawn, some_accounts, some_accounts, some_accounts, st.randoms())
def test_the_order_of_arrival_does_not_matter(
    stories: list[StoryClock],
    accounts: list[AccountClock],
    blocked: set[str],
    paced: set[str],
    reserved: set[str],
    random: object,
) -> None:
    before = planned(stories, accounts, blocked, paced, reserved)
    for clocks in (stories, accounts):
        random.shuffle(clocks)  # type: ignore[attr-defined]
    assert planned(stories, accounts, blocked, paced, reserved) == before


def test_of_a_reserved_account_nothing_but_last_readings_is_planned() -> None:
    new, last_minutes = story(timedelta(hours=3)), story(STORY_LIFE - timedelta(minutes=7), story_id="2")
    due = planned([new, last_minutes], [AccountClock("a", None)], reserved="a")
    assert due == Plan(sweeps=(last_minutes,), listings=(), readings=())


@given(stories_drawn, accounts_drawn, some_accounts, some_accounts, some_accounts)
def test_the_reserve_is_for_last_readings_and_costs_nobody_else(
    stories: list[StoryClock], accounts: list[AccountClock], blocked: set[str], paced: set[str], reserved: set[str]
) -> None:
    full, due = planned(stories, accounts, blocked, paced), planned(stories, accounts, blocked, paced, reserved)
    assert due.sweeps == full.sweeps
    assert due.listings == tuple(one for one in full.listings if one not in reserved)
    assert due.readings == tuple(one for one in full.readings if one.account_id not in reserved)


def listed_again(after: timedelta, posted_now: int, paced: Collection[str] = ()) -> bool:
    return bool(planned([], [AccountClock("a", NOW - after, posted_now=posted_now)], paced=paced).listings)


def test_an_account_that_often_posts_at_this_time_of_day_is_listed_three_times_as_often() -> None:
    assert listed_again(timedelta(minutes=5), posted_now=2)
    assert not listed_again(timedelta(minutes=3), posted_now=2)
    assert not listed_again(timedelta(minutes=13), posted_now=1)


def test_a_paced_account_is_not_listed_sooner_whenever_it_posts() -> None:
    assert not listed_again(timedelta(minutes=28), posted_now=9, paced="a")


@given(
    st.integers(1, 10).map(lambda minutes: timedelta(minutes=minutes)),
    st.timedeltas(timedelta(0), timedelta(minutes=10)),
    st.sampled_from(["free", "paced", "reserved"]),
)
def test_every_story_is_swept_at_every_tick_of_its_last_minutes(tick: timedelta, phase: timedelta, limit: str) -> None:
    clock = story(STORY_LIFE - timedelta(minutes=20) - phase)
    now, swept = NOW, 0
    while now < clock.expires_at:
        limits = {"paced": "a" if limit == "paced" else "", "reserved": "a" if limit == "reserved" else ""}
        due = plan([], [clock], blocked=(), now=now, list_every=QUARTER, **limits)
        assert (due.sweeps == (clock,)) == (clock.expires_at - now <= SWEEP)
        if due.sweeps:
            swept += 1
            clock = replace(clock, tried_at=now)
        now += tick
    assert swept >= SWEEP // tick


@given(stories_drawn, st.timedeltas(timedelta(0), timedelta(minutes=5)))
def test_within_a_tick_those_are_swept_that_have_come_into_their_last_minutes_since(
    stories: list[StoryClock], into: timedelta
) -> None:
    now = NOW + into
    due = sweeps(stories, now=now, since=NOW)
    assert list(due) == sorted(due, key=lambda one: (one.expires_at, one.story_id))
    for one in stories:
        is_running = now < one.expires_at <= now + SWEEP
        assert (one in due) == (is_running and (one.tried_at is None or one.tried_at < NOW))


@pytest.mark.parametrize("failing", [0, 7])
@given(
    st.lists(st.none() | st.integers(0, 60), min_size=8, max_size=40),
    st.integers(1, 12),
)
def test_no_account_starves_when_a_tick_has_time_for_few(failing: int, ages: list[int | None], at_once: int) -> None:
    """Those that are due are all tried in turn, even beside some that fail at every time."""
    clocks = {str(number): clock_of(str(number), age) for number, age in enumerate(ages)}
    waiting = set(planned([], list(clocks.values())).listings)
    now = NOW
    for _ in range(ceil(len(waiting) / at_once)):
        due = plan(clocks.values(), [], blocked=(), now=now, list_every=QUARTER).listings[:at_once]
        for one in due:
            clocks[one] = replace(clocks[one], attempted_at=now)
            if int(one) >= failing:
                clocks[one] = replace(clocks[one], listed_at=now)
        waiting -= set(due)
        now += timedelta(minutes=5)
    assert waiting == set()


def clock_of(account_id: str, minutes_ago: int | None) -> AccountClock:
    at = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    return AccountClock(account_id, at, at)
