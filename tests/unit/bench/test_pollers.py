"""What is counted and not run: the pollers that Storykeep is compared with."""

from datetime import datetime, timedelta

import pytest
from capture_quality import calls_per_final, polled_calls_per_final, polls
from polling import INTERVALS, last_visit
from stage import START
from two_days import AfterOutages, TwoDays

from storykeep.report.truth import Kept

MINUTE = timedelta(minutes=1)


def minutes(count: float) -> datetime:
    return START + count * MINUTE


@pytest.mark.parametrize(
    ("posted", "ends", "count"),
    [(0, 1440, 96), (-720, 720, 48), (1, 15, 0), (1, 16, 1), (15, 30, 1), (14, 46, 3), (-100, -50, 0)],
)
def test_a_live_story_is_polled_at_each_quarter_of_an_hour_since_the_start(posted: int, ends: int, count: int) -> None:
    moments = [minutes(15 * turn) for turn in range(1000)]
    assert sum(minutes(posted) <= moment < minutes(ends) for moment in moments) == count
    assert polls(minutes(posted), minutes(ends)) == count


@pytest.mark.parametrize("every", INTERVALS.values(), ids=list(INTERVALS))
def test_the_last_visit_is_less_than_an_interval_before_and_always_at_the_account_s_own_time(every: timedelta) -> None:
    visits = [last_visit(minutes(at), every, "someone") for at in range(0, 5000, 7)]
    assert all(timedelta(0) < minutes(at) - visit <= every for at, visit in zip(range(0, 5000, 7), visits, strict=True))
    assert {(visit - visits[0]) % every for visit in visits} == {timedelta(0)}


def test_accounts_are_visited_at_different_times_spread_over_the_interval() -> None:
    day = INTERVALS["every 24 h"]
    ages = [(START - last_visit(START, day, f"someone{number}")) / day for number in range(1000)]
    assert 0.45 < sum(ages) / len(ages) < 0.55
    assert min(ages) < 0.05 and max(ages) > 0.95


def story(story_id: str, posted: int) -> dict[str, str]:
    ends = {"posted_at": minutes(posted).isoformat(), "expires_at": minutes(posted + 1440).isoformat()}
    return {"story_id": story_id, **ends}


def test_calls_are_shared_among_final_numbers_only_and_the_poller_reads_what_storykeep_could_read() -> None:
    days = TwoDays(
        end=minutes(1440),
        truth=[story("ended", -720), story("late", -720), story("unreadable", -720), story("live", 720)],
        kept=Kept((), {}),
        finality={"ended": "sweep", "late": "late", "live": "live", "unreadable": "missing"},
        ages={},
        undercounts={},
        calls={"stories": 100, "insights": 50},
        after_outages=AfterOutages({}, {}),
        reading_calls={"ended": 3, "late": 2, "live": 4},
    )
    assert calls_per_final(days) == 150
    assert polled_calls_per_final(days) == (100 + 48 * 3 + 48 * 2 + 48 * 4) / 2
