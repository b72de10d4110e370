"""Our clock minutes off the API's, set back between ticks, and over the end of a year: no final number is lost."""

from datetime import UTC, datetime, timedelta

import pytest

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.capture.replay import run_tick
from storykeep.clock import fixed_clock
from storykeep.landing.runs import Run
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.report.status import gather_status
from storykeep.sandbox.serve import sandbox
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import EVENING, Scene, wired

pytestmark = pytest.mark.integration

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TICK = 5 * MINUTE
AFTERNOON = EVENING - 2 * HOUR
SWEEP = 10 * MINUTE


def tick(scene: Scene, at: datetime, ahead_by: timedelta = timedelta(0)) -> Run:
    """One tick at `at` by the API's clock, which is so far ahead of ours."""
    scene.now = at
    scene.control("POST", "clock", {"now": at.isoformat()})
    return run_tick(scene.conn, scene.settings, scene.clients(), fixed_clock(at - ahead_by))


def ending(scene: Scene, begin: datetime, end: datetime) -> dict[str, datetime]:
    """When the stories end that can be read to their end, of those that end between two moments of the API's clock."""
    expiries = {
        story_id: datetime.fromisoformat(story["expires_at"])
        for story_id, story in scene.truth().items()
        if story["cause"] in (None, "withheld")
    }
    return {story_id: at for story_id, at in expiries.items() if begin < at < end}


def last_readings(scene: Scene) -> dict[str, datetime]:
    query = "select story_id, max(captured_at) from raw.story_insights where status in ('ok', 'withheld') group by 1"
    return dict(scene.all(query))


@pytest.mark.parametrize("ahead_by", [5 * MINUTE, -5 * MINUTE], ids=["the API's is ahead", "ours is ahead"])
def test_clocks_five_minutes_apart_cost_no_final_reading_and_are_told_of(
    scene: Scene, ahead_by: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    for ticks in range(22):
        run = tick(scene, AFTERNOON + ticks * TICK, ahead_by)
        assert set(run.causes) <= {"permission", "token"}
    expiries = ending(scene, AFTERNOON + TICK, scene.now)
    assert len(expiries) > 3
    for story_id, expires_at in expiries.items():
        assert timedelta(0) <= expires_at - (last_readings(scene)[story_id] + ahead_by) <= SWEEP
    offsets = scene.all("select login_flavour, ahead_by, measured_at from app.api_clocks order by 1")
    ours = scene.now - ahead_by
    assert offsets == [("facebook", ahead_by, ours), ("instagram", ahead_by, ours)]
    told = f"this machine's clock is 300 s {'behind' if ahead_by > timedelta(0) else 'ahead of'} the API's (facebook)"
    assert told in caplog.text
    assert told in gather_status(scene.conn, scene.now, TICK).skews


def test_clocks_that_agree_are_not_told_of(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    tick(scene, AFTERNOON, ahead_by=timedelta(seconds=50))
    assert "clock" not in caplog.text
    assert gather_status(scene.conn, scene.now, TICK).skews == ()
    assert scene.one("select count(*) from app.api_clocks where ahead_by = interval '50 seconds'") == 2


@pytest.mark.parametrize("step", [5 * MINUTE, 71 * MINUTE, 3 * HOUR])
def test_a_clock_that_is_set_back_costs_no_listing_and_no_final_reading(scene: Scene, step: timedelta) -> None:
    tick(scene, AFTERNOON, ahead_by=-step)
    for ticks in range(1, 22):
        tick(scene, AFTERNOON + ticks * TICK)
    readings = scene.all(
        "select story_id, captured_at from raw.story_insights where status in ('ok', 'withheld') and captured_at <> %s",
        AFTERNOON + step,
    )
    expiries = ending(scene, AFTERNOON + TICK, scene.now)
    assert len(expiries) > 3
    for story_id, expires_at in expiries.items():
        assert any(read == story_id and timedelta(0) <= expires_at - at <= SWEEP for read, at in readings)
    listed = "select count(distinct captured_at) from raw.story_listings where status = 'ok' and captured_at <= %s"
    assert scene.one(listed, AFTERNOON + HOUR) >= 3


def test_the_last_minutes_of_a_year_and_the_first_of_the_next_are_like_any_other(
    warehouse: Settings, postgres: EmbeddedPostgres
) -> None:
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    start = midnight - timedelta(days=5)
    with (
        sandbox(accounts=4, seed=5, start=start, history_days=14) as running,
        connect(warehouse.warehouse, "storykeep_ingest") as conn,
    ):
        conn.autocommit = True
        scene = Scene(running, wired(warehouse, running), conn, postgres.superuser)
        import_accounts(conn, Vault(scene.settings.token_keys), scene.control("GET", "accounts.csv"), start)
        for minutes in (-20, -5, 0, 5, 20):
            assert tick(scene, midnight + minutes * MINUTE).counts["dead_letters"] == 0
        for table in ("raw.story_listings", "raw.story_insights"):
            days = scene.all(f"select distinct tableoid::regclass::text from {table} order by 1")  # noqa: S608 (fixed names)
            assert days == [(f"{table}_20251231",), (f"{table}_20260101",)]
        ends = scene.one("select array_agg(distinct expires_at - posted_at) from app.story_clock")
        assert ends == [timedelta(hours=24)]
