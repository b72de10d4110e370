"""Hours or days without a tick, or without the API: what is caught up, what is lost, and who says so.

What lived and died unseen is not made up, and nothing counts as gone because nobody looked.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from storykeep.campaigns.registry import import_campaigns
from storykeep.capture.asks import key_of
from storykeep.graph.client import Answer
from storykeep.landing.runs import Run
from storykeep.settings import Connection, Flavour
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

from .conftest import EVENING, START, Scene

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
CREATORS_MATTER = {"token", "permission"}
HEALTHY = (None, "withheld")
Outage = Callable[[Scene, timedelta], None]


def nobody_ticks(scene: Scene, length: timedelta) -> None:
    """The time just passes."""


def api_is_away(scene: Scene, length: timedelta) -> None:
    """A tick in the middle of it reaches nobody."""
    there = scene.settings
    nowhere = {
        f"graph_{flavour}": Connection(host="http://127.0.0.1:9", login="1", password=SecretStr("x"))
        for flavour in ("facebook", "instagram")
    }
    scene.settings = replace(there, connections=there.connections | nowhere)
    began = scene.now
    assert set(scene.tick(length / 2).causes) == {"api_unreachable"}
    scene.now, scene.settings = began, there


def order_of_readings(scene: Scene, begin: Callable[[], Run]) -> tuple[Run, dict[Flavour, list[str]]]:
    """Run a tick; also the stories in the order in which each flavour's host was first asked to read them."""
    asked: dict[Flavour, list[str]] = defaultdict(list)
    flavours = {story_id: story["login_flavour"] for story_id, story in scene.truth().items()}

    def note(answer: Answer) -> Answer:
        story_id = key_of(answer.ask).story_id
        if story_id and story_id not in asked[flavours[story_id]]:
            asked[flavours[story_id]].append(story_id)
        return answer

    scene.change = note
    try:
        return begin(), asked
    finally:
        scene.change = None


def ids(scene: Scene, table: str, captured_at: datetime | None = None) -> set[str]:
    when = "where captured_at = %s" if captured_at else ""
    query = f"select distinct story_id from {table} {when}"  # noqa: S608 (fixed names)
    return {story_id for (story_id,) in scene.all(query, *filter(None, [captured_at]))}


def listed(scene: Scene) -> set[str]:
    """The stories that the listings of this moment showed."""
    query = "select jsonb_object_keys(payload) from raw.story_listings where status = 'ok' and captured_at = %s"
    return {story_id for (story_id,) in scene.all(query, scene.now)}


@pytest.mark.parametrize("outage", [nobody_ticks, api_is_away])
@pytest.mark.parametrize("hours", [1, 6, 26, 72])
def test_the_first_tick_afterwards_observes_all_that_lives_nearest_expiry_first(
    scene: Scene, hours: int, outage: Outage
) -> None:
    scene.tick()
    before = ids(scene, "raw.stories")
    outage(scene, hours * HOUR)
    scene.now = EVENING + hours * HOUR
    lived_unseen = {
        story_id
        for story_id, story in scene.truth().items()
        if story["posted_at"] > f"{EVENING:%FT%TZ}" and datetime.fromisoformat(story["expires_at"]) <= scene.now
    }
    assert bool(lived_unseen) == (hours > 24)

    run, asked = order_of_readings(scene, scene.tick)

    live = scene.live()
    healthy = {story_id for story_id, story in live.items() if story["cause"] in HEALTHY}
    assert len(healthy) > 10
    assert ids(scene, "raw.stories") == ids(scene, "app.story_clock") == before | live.keys()
    assert listed(scene) == live.keys()
    # No two rungs of the ladder are six hours apart, so that then every story is due.
    due = healthy if hours >= 6 else healthy - before
    assert due <= ids(scene, "raw.story_insights", scene.now)
    assert set(run.causes) <= CREATORS_MATTER
    for of_flavour in asked.values():
        for known in (True, False):
            expiries = [live[story_id]["expires_at"] for story_id in of_flavour if (story_id in before) == known]
            assert expiries == sorted(expiries)
    for table in ("raw.story_insights", "raw.media_files"):
        assert not lived_unseen & ids(scene, table)
    assert scene.one("select count(*) from app.story_clock where is_refused") == 0
    assert scene.one("select count(*) from raw.dead_letters") == 0


def test_what_the_marts_say_of_26_hours_without_ticks_and_3_without_the_api(scene: Scene) -> None:
    import_campaigns(scene.conn, campaigns_of(scene), "ida", START)
    scene.tick()
    back, reachable = EVENING + 26 * HOUR, EVENING + 29 * HOUR
    healthy = accounts_of(scene)
    before = {story_id: story for story_id, story in scene.live().items() if story["cause"] in HEALTHY}
    scene.tick(26 * HOUR)
    healthy &= accounts_of(scene)
    api_is_away(scene, 3 * HOUR)
    scene.tick(3 * HOUR)
    build_marts(scene.settings, scene.now)

    with connect(scene.settings.warehouse, "storykeep_transform") as conn:

        def ask(query: str, *values: Any) -> list[tuple[Any, ...]]:
            return conn.execute(query, values).fetchall()

        gaps = ask(
            "select starts_at, ends_at, cause, array_agg(account_id) from intermediate.int_accounts__gaps_explained"
            " where minutes > 60 and account_id = any(%s) group by 1, 2, 3 order by 1",
            list(healthy),
        )
        days = ask(
            "select distinct date::text, longest_gap_minutes, gap_cause from marts.fct_capture_coverage"
            " where date >= %s and account_id = any(%s) order by 1",
            back.date(),
            list(healthy),
        )
        stories = {
            story_id: (finality, age)
            for story_id, finality, age in ask(
                "select story_id, finality, last_reading_age_minutes from marts.fct_stories"
            )
        }
    assert healthy
    late_gaps = [gap[:3] for gap in gaps if gap[0] >= EVENING]
    assert late_gaps == [(EVENING, back, "our_outage"), (back, reachable, "api_unreachable")]
    assert all(set(who) == healthy for starts_at, _, _, who in gaps if starts_at >= EVENING)
    assert days == [("2026-11-06", 26 * 60, "our_outage"), ("2026-11-07", 3 * 60, "api_unreachable")]
    assert stories.keys() == ids(scene, "raw.stories")
    found = {story_id: stories[story_id] for story_id in before}
    assert {finality for finality, _ in found.values()} == {"late", "missing"}
    for story_id, (finality, age) in found.items():
        expires_at = datetime.fromisoformat(before[story_id]["expires_at"])
        assert abs(float(age) - (expires_at - EVENING).total_seconds() / 60) < 0.01, finality


def campaigns_of(scene: Scene) -> Any:
    path = scene.settings.work_dir / "campaigns.yaml"
    path.write_text(scene.control("GET", "campaigns.yaml"))
    return path


def accounts_of(scene: Scene) -> set[str]:
    """The accounts that were listed well at this moment."""
    query = "select account_id from raw.story_listings where status = 'ok' and captured_at = %s"
    return {account_id for (account_id,) in scene.all(query, scene.now)}
