"""Bursts of 100/33 and of empty lists over many accounts: nothing is concluded from them. Of one account it may be."""

from datetime import UTC, datetime, timedelta
from logging import WARNING

import pytest

from storykeep.capture.engine import raise_trouble
from storykeep.errors import StorykeepError
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

from .conftest import Scene

pytestmark = pytest.mark.integration

QUARTER = timedelta(minutes=15)
RUNG = timedelta(hours=4)  # within which every story is due once more
KINDS = ["error_100_33", "empty"]
STATE = "select account_id, status, reason, status_since from app.connections order by account_id"


def listings(scene: Scene) -> dict[str, tuple[str, str | None, int | None, int | None]]:
    """How the newest tick's listings ended, by IG user id."""
    rows = scene.all(
        "select ig_user_id, status, cause, error_code, error_subcode from raw.story_listings"
        " join app.accounts using (account_id) where captured_at = %s",
        scene.now,
    )
    return {row[0]: row[1:] for row in rows}


def listed_at(scene: Scene) -> dict[str, object]:
    return dict(scene.all("select ig_user_id, listed_at from app.account_clock join app.accounts using (account_id)"))


@pytest.mark.parametrize("kind", KINDS)
def test_stories_of_many_accounts_that_seem_gone_are_an_incident(
    scene: Scene, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene.tick()
    before, state = listed_at(scene), scene.all(STATE)
    stories = scene.all("select story_id, is_refused from app.story_clock order by story_id")
    scene.fault(kind, endpoint="stories")
    caplog.clear()
    run = scene.tick(QUARTER)
    assert caplog.text.count("the platform is in trouble") == 2  # once for each host
    assert not [record for record in caplog.records if record.levelno >= WARNING and "@" in record.getMessage()]
    codes = (100, 33) if kind == "error_100_33" else (None, None)
    victims = [*scene.with_stories("facebook"), *scene.with_stories("instagram")]
    assert len(victims) > 5
    assert {victim: listings(scene)[victim] for victim in victims} == {
        victim: ("failed", "platform_incident", *codes) for victim in victims
    }
    assert listed_at(scene) == before
    assert scene.all(STATE) == state
    assert scene.all("select story_id, is_refused from app.story_clock order by story_id") == stories
    assert "permission" not in run.causes
    with pytest.raises(StorykeepError, match="platform_incident: @"):
        raise_trouble(run.causes)
    scene.control("DELETE", "faults")
    scene.tick(timedelta(minutes=5))
    assert {listings(scene)[victim][0] for victim in victims} == {"ok"}


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_one_account_that_is_gone_keeps_its_cause_and_one_with_an_empty_list_is_listed_well(
    scene: Scene, flavour: str
) -> None:
    victim = scene.with_stories(flavour)[0]
    scene.tick()
    for kind, expected in (
        ("error_100_33", ("failed", "permission", 100, 33)),
        ("empty", ("ok", None, None, None)),
    ):
        scene.fault(kind, victim, endpoint="stories")
        run = scene.tick(QUARTER)
        assert listings(scene)[victim] == expected
        assert {row[0] for who, row in listings(scene).items() if who != victim} == {"ok"}
        assert "platform_incident" not in run.causes


def test_a_first_tick_in_the_middle_of_an_incident_blames_no_account(scene: Scene) -> None:
    scene.fault("error_100_33", endpoint="stories")
    run = scene.tick()
    assert {row[:2] for row in listings(scene).values()} == {("failed", "platform_incident")}
    assert "permission" not in run.causes


def test_three_accounts_whose_stories_were_taken_down_are_an_incident_once_at_most(scene: Scene) -> None:
    """A list that was believed counts from then on: what it did not show is no longer known to run."""
    victims = scene.with_stories("facebook")[:2]
    scene.tick()
    scene.fault("empty", *victims, endpoint="stories")
    scene.tick(QUARTER)
    third = scene.with_stories("facebook")[2]
    scene.fault("empty", *victims, third, endpoint="stories")
    run = scene.tick(QUARTER)
    assert "platform_incident" not in run.causes
    assert listings(scene)[third][0] == "ok"


def test_accounts_that_were_not_listed_well_for_a_day_may_be_lost_for_good(scene: Scene) -> None:
    scene.tick()
    victims = [*scene.with_stories("facebook")[:2], *scene.with_stories("instagram")[:2]]
    scene.conn.execute(
        "update app.account_clock set listed_at = %s from app.accounts"
        " where accounts.account_id = account_clock.account_id and ig_user_id = any(%s)",
        [scene.now - timedelta(hours=25), victims],
    )
    scene.fault("error_100_33", *victims, endpoint="stories")
    run = scene.tick(QUARTER)
    assert {listings(scene)[victim][:2] for victim in victims} == {("failed", "permission")}
    assert "platform_incident" not in run.causes


def test_an_account_that_stays_gone_is_handed_to_a_person_and_asked_no_more(scene: Scene) -> None:
    scene.tick()
    victim = scene.with_stories("facebook")[0]
    scene.fault("error_100_33", victim, endpoint="stories")
    scene.tick(QUARTER)
    scene.tick(timedelta(hours=23))
    state = "select status, reason from app.connections join app.accounts using (account_id) where ig_user_id = %s"
    assert scene.all(state, victim) == [("connected", None)]
    scene.tick(timedelta(hours=1))
    assert scene.all(state, victim) == [("needs_action", "account_gone")]
    scene.control("DELETE", "log")
    scene.tick(QUARTER)
    calls = scene.control("GET", "log")["calls"]
    assert victim not in {call["ig_user_id"] for call in calls}


@pytest.mark.parametrize("kind", KINDS)
def test_readings_of_many_accounts_that_seem_gone_are_asked_for_again_at_the_next_tick(scene: Scene, kind: str) -> None:
    scene.tick()
    clocks = "select story_id, tried_at, read_at from app.story_clock where first_seen_at <= %s order by story_id"
    seen = scene.now
    before, state = scene.all(clocks, seen), scene.all(STATE)
    scene.fault(kind, endpoint="insights")
    run = scene.tick(RUNG)
    assert scene.all(clocks, seen) == before
    assert scene.all(STATE) == state
    assert len(run.causes["platform_incident"]) > 5
    scene.control("DELETE", "faults")
    scene.tick(timedelta(minutes=5))
    live = set(scene.live())
    moved = {story_id: tried_at for story_id, tried_at, _ in scene.all(clocks, seen) if story_id in live}
    read = {story_id for story_id, tried_at, _ in before if tried_at is not None} & live
    assert read
    assert {moved[story_id] for story_id in read} == {scene.now}


@pytest.mark.parametrize("kind", KINDS)
def test_readings_of_one_account_are_taken_as_they_are(scene: Scene, kind: str) -> None:
    scene.tick()
    victim = scene.with_stories("facebook")[0]
    scene.fault(kind, victim, endpoint="insights")
    run = scene.tick(RUNG)
    assert "platform_incident" not in run.causes
    assert {
        tried_at
        for (tried_at,) in scene.all(
            "select tried_at from app.story_clock join app.accounts using (account_id)"
            " where ig_user_id = %s and expires_at > %s",
            victim,
            scene.now,
        )
    } == {scene.now}
    landed = scene.all(
        "select distinct raw.story_insights.status from raw.story_insights join app.accounts using (account_id)"
        " where ig_user_id = %s and captured_at = %s and metric_group = 'core'",
        victim,
        scene.now,
    )
    assert landed == [("refused" if kind == "error_100_33" else "empty",)]


@pytest.mark.parametrize("kind", KINDS)
def test_coverage_names_the_incident_as_the_cause_of_its_gap(scene: Scene, kind: str) -> None:
    scene.now = datetime(2026, 11, 5, 23, 50, tzinfo=UTC)
    scene.tick()
    victims = [*scene.with_stories("facebook"), *scene.with_stories("instagram")]
    scene.fault(kind, endpoint="stories")
    for _ in range(5):
        scene.tick(QUARTER)
    build_marts(scene.settings, scene.now)
    with connect(scene.settings.warehouse, "storykeep_transform") as marts:
        rows = marts.execute(
            "select ig_user_id, longest_gap_minutes, gap_cause from marts.fct_capture_coverage"
            " join marts.dim_accounts using (account_id) where date = %s",
            [scene.now.date()],
        ).fetchall()
    gaps = {ig_user_id: (minutes, cause) for ig_user_id, minutes, cause in rows}
    assert {gaps[victim] for victim in victims} == {(75, "platform_incident")}
