import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from storykeep.accounts.modes import Mode
from storykeep.accounts.snooze import Snooze
from storykeep.capture.outage.spool import Waiting
from storykeep.report.status import BlockedPool, LastRun, Status, Trouble, render_status

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TICK = timedelta(minutes=5)
GOOD = LastRun(NOW - timedelta(minutes=3), "trouble", {"token": 1})
STATUS = Status(
    now=NOW,
    tick=TICK,
    last_good_tick=NOW - timedelta(minutes=2),
    last_capture=GOOD,
    last_sync=replace(GOOD, status="failed", causes={}),
    last_build=replace(GOOD, status="ok", causes={}),
    live_stories=42,
    due_sweeps=3,
    connections={"connected": 10, "expired": 1, "not_tracked": 2},
    troubles=(Trouble("mila", "expired", "token_expired", NOW - timedelta(days=1)),),
    blocked=(BlockedPool("@ben", NOW + timedelta(minutes=20)),),
)


def printed(status: Status) -> str:
    out = io.StringIO()
    render_status(status, Console(file=out, width=80))
    return out.getvalue()


def test_a_clock_that_is_wrong_is_told_with_its_remedy() -> None:
    assert "clocks" not in printed(STATUS)
    text = printed(replace(STATUS, skews=("this machine's clock is 300 s behind the API's (facebook)",)))
    assert "300 s behind the API's (facebook)" in text
    assert "NTP" in text


@pytest.mark.parametrize(
    ("age", "healthy"),
    [
        (timedelta(0), True),
        (2 * TICK, True),
        (2 * TICK + timedelta(seconds=1), False),
        (timedelta(days=3), False),
    ],
)
def test_two_tick_periods_without_a_good_tick_are_unhealthy(age: timedelta, healthy: bool) -> None:
    assert replace(STATUS, last_good_tick=NOW - age).is_healthy is healthy


def test_no_good_tick_at_all_is_unhealthy() -> None:
    assert not replace(STATUS, last_good_tick=None).is_healthy


def test_a_shorter_schedule_is_held_to_its_own_period() -> None:
    assert not replace(STATUS, tick=timedelta(seconds=30)).is_healthy


def test_the_screen_says_it_all_in_plain_lines_of_80_columns() -> None:
    text = printed(STATUS)
    for part in (
        "2 min ago",
        "1 account (token)",
        "last sync       failed, started 2026-11-21 11:57:00 UTC, 3 min ago",
        "42",
        "3 within 10 min",
        "10 connected, 1 expired, 2 not_tracked",
        "@mila",
        "token_expired",
        "@ben until 12:20",
    ):
        assert part in text
    assert "UNHEALTHY" not in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_replies_that_wait_for_postgres_are_told() -> None:
    assert "spool" not in printed(STATUS)
    waiting = replace(STATUS, spool=Waiting(3, NOW - timedelta(minutes=7), 1))
    text = " ".join(printed(waiting).split())
    assert "spool 3 files of replies, the oldest of 2026-11-21 11:53:00 UTC, 7 min ago; 1 file set aside" in text
    assert "spool 1 file set aside as damaged" in " ".join(printed(replace(STATUS, spool=Waiting(damaged=1))).split())


LATE = replace(STATUS, last_good_tick=NOW - timedelta(minutes=12))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (replace(LATE, last_capture=replace(GOOD, status="failed")), "log of the newest run"),
        (replace(LATE, last_capture=replace(GOOD, status="running")), "or it was killed"),
        (LATE, "switched on"),
        (replace(LATE, last_good_tick=None, last_capture=None), "start the scheduler"),
    ],
)
def test_an_unhealthy_screen_says_why_and_what_to_do(status: Status, told: str) -> None:
    text = " ".join(printed(status).split())
    assert told in text
    why = "no capture tick has ever finished well" if status.last_good_tick is None else "12 min old, more than 10 min"
    assert f"UNHEALTHY: {why}" in text or f"UNHEALTHY: the last good tick is {why}" in text


def test_a_new_warehouse_says_what_comes_first() -> None:
    empty = Status(NOW, TICK, None, None, None, None, 0, 0, {}, (), ())
    assert "storykeep accounts import FILE.csv" in printed(empty)


def test_accounts_that_are_not_automatic_are_counted_by_mode() -> None:
    assert "not automatic" not in printed(STATUS)
    assert "2 manual, 1 paused" in printed(replace(STATUS, resting={Mode.PAUSED: 1, Mode.MANUAL: 2}))


def test_rows_in_quarantine_are_counted_by_table() -> None:
    assert "quarantine" not in printed(STATUS)
    text = printed(replace(STATUS, quarantined={"stories": 1200, "media": 1}))
    assert "1,200 of raw.stories, 1 of raw.media; see: storykeep quarantine list" in " ".join(text.split())


def test_whose_alerts_are_snoozed_is_named_and_until_when() -> None:
    assert "snoozed" not in printed(STATUS)
    many = tuple(Snooze(f"acc_{one}", f"star{one}", NOW, NOW + timedelta(days=3), "ida") for one in range(12))
    assert f"@star0 until {NOW + timedelta(days=3):%Y-%m-%d}" in printed(replace(STATUS, snoozes=many))
    assert "and 2 more" in " ".join(printed(replace(STATUS, snoozes=many)).split())


def test_many_troubles_are_cut_to_a_screen() -> None:
    many = tuple(Trouble(f"creator_{n:02}", "expired", "token_expired", NOW) for n in range(30))
    text = printed(replace(STATUS, troubles=many))
    assert "creator_09" in text
    assert "creator_10" not in text
    assert "30 connections in all" in text
