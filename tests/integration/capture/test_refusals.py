"""Optional metrics and what the API refuses: it costs no reading, no connection and no second call."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storykeep.capture.asks import key_of
from storykeep.graph.client import Answer
from storykeep.graph.errors import GraphError, PermissionMissingError, RefusedError, TransientError
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

from .conftest import Scene

pytestmark = pytest.mark.integration

RUNG = timedelta(hours=4)  # within which every story is due once more
OPTIONAL = {"link_clicks", "total_views", "facebook_views"}
OK = """
    select story_id, (payload #>> '{data,0,values,0,value}')::int from raw.story_insights
    where metric_group = %s and raw.story_insights.status = 'ok' and captured_at = %s
"""


def fails(scene: Scene, group: str, error: GraphError) -> Counter[str]:
    """From now on the API fails every ask for this group so; counts the asks by story."""
    asked: Counter[str] = Counter()

    def changed(answer: Answer) -> Answer:
        key = key_of(answer.ask)
        if key.group != group:
            return answer
        asked[key.story_id] += 1
        return replace(answer, body=None, error=error)

    scene.change = changed
    return asked


def state(scene: Scene) -> list[tuple[Any, ...]]:
    return scene.all("select account_id, status, reason, status_since from app.connections order by account_id")


def read_now(scene: Scene) -> set[str]:
    return {story_id for (story_id,) in scene.all("select story_id from app.story_clock where read_at = %s", scene.now)}


@pytest.mark.parametrize("group", ["navigation", "profile_activity"])
def test_a_breakdown_that_fails_does_not_hold_up_the_story(scene: Scene, group: str) -> None:
    asked = fails(scene, group, TransientError("An unknown error has occurred.", code=1, status=500))
    run = scene.tick()
    assert run.counts["readings"] == len(read_now(scene)) > 5
    assert run.counts["optional_failed"] == asked.total()
    before = asked.total()
    scene.tick(timedelta(minutes=5))
    assert asked.total() - before <= 2  # only what is due by itself


def test_optional_metrics_land_where_the_host_has_them(scene: Scene) -> None:
    scene.tick()
    live = scene.live()
    clicks, views = (dict(scene.all(OK, metric, scene.now)) for metric in ("link_clicks", "total_views"))
    assert any(clicks.values())
    assert all(0 <= count <= live[story_id]["views"] for story_id, count in clicks.items())
    assert views
    assert {live[story_id]["login_flavour"] for story_id in clicks.keys() | views.keys()} == {"facebook"}


def test_what_was_refused_of_a_story_is_not_asked_of_it_again(scene: Scene) -> None:
    run = scene.tick()
    assert "refused" not in run.counts
    refused = scene.all("select media_id, metric, error_code, error_subcode from app.refused_metrics")
    kinds = {row[1:] for row in refused}
    assert ("facebook_views", 100, 2207086) in kinds
    assert ("total_views", 200, None) in kinds
    scene.tick(RUNG)
    read = read_now(scene)
    again = scene.all("select story_id, metric_group from raw.story_insights where captured_at = %s", scene.now)
    known = {(story_id, metric) for story_id, metric, *_ in refused}
    assert {story_id for story_id, _ in known} & read
    assert not known & set(again)


def test_a_refused_breakdown_is_remembered_and_its_metric_is_not_lost(scene: Scene) -> None:
    asked = fails(scene, "navigation", RefusedError("not supported", code=100))
    scene.tick()
    first = set(asked)
    scene.tick(RUNG)
    assert first & read_now(scene)
    assert {asked[story_id] for story_id in first} == {1}
    assert scene.all("select distinct metric from app.refused_metrics where metric like 'navigation%%'") == [
        ("navigation by story_navigation_action_type",)
    ]
    core = scene.one(
        "select payload from raw.story_insights where metric_group = 'core' and status = 'ok' and captured_at = %s"
        " limit 1",
        scene.now,
    )
    assert "navigation" in {item["name"] for item in core["data"]}


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("not supported", code=100),
        PermissionMissingError("not available", scope="instagram_manage_insights", code=200),
        PermissionMissingError("no permission", scope="instagram_manage_insights", code=10),
    ],
    ids=["refused", "code 200", "code 10"],
)
def test_an_optional_metric_that_may_not_be_read_costs_one_call_and_nothing_else(
    scene: Scene, error: GraphError
) -> None:
    scene.tick()
    good, causes = state(scene), scene.one("select causes from app.runs where kind = 'capture'")
    asked = fails(scene, "link_clicks", error)
    run = scene.tick(RUNG)
    first = set(asked)
    assert first
    assert first <= read_now(scene)
    assert state(scene) == good
    assert run.causes.keys() <= causes.keys()
    scene.tick(RUNG)
    assert {asked[story_id] for story_id in first} == {1}


def test_an_optional_metric_that_fails_for_the_moment_leaves_the_story_read_and_is_asked_again(scene: Scene) -> None:
    scene.tick()
    asked = fails(scene, "link_clicks", TransientError("try later", code=2))
    run = scene.tick(RUNG)
    first = set(asked)
    assert first
    assert first <= read_now(scene)
    assert run.counts["optional_failed"] == len(first)
    assert "api_unreachable" not in run.causes
    scene.tick(RUNG)
    assert {asked[story_id] for story_id in first & read_now(scene)} == {2}


def test_a_lost_permission_is_still_seen_by_the_metrics_that_every_story_has(scene: Scene) -> None:
    scene.tick()
    victim = scene.with_stories("facebook")[0]
    scene.fault("error_10", victim, endpoint="insights")
    assert "refused" not in scene.tick(RUNG).counts
    assert scene.all(
        "select status, reason from app.connections join app.accounts using (account_id) where ig_user_id = %s", victim
    ) == [("connected_no_insights", "missing_scope")]
    remembered = scene.all(
        "select metric from app.refused_metrics join app.story_clock on story_id = media_id"
        " join app.accounts using (account_id) where ig_user_id = %s and refused_at = %s",
        victim,
        scene.now,
    )
    assert remembered == []
    singles = "select 1 from raw.story_insights where metric_group like 'core:%%' and captured_at = %s"
    assert scene.all(singles, scene.now) == []


def test_link_clicks_reach_the_marts(scene: Scene) -> None:
    scene.tick()
    build_marts(scene.settings, scene.now)
    live, clicks = scene.live(), dict(scene.all(OK, "link_clicks", scene.now))
    expected = {story_id: (clicks.get(story_id), False) for story_id in live}
    expected |= {
        story_id: (None, True)
        for (story_id,) in scene.all(
            "select story_id from raw.story_insights where metric_group = 'link_clicks' and status = 'withheld'"
        )
    }
    assert {is_withheld for _, is_withheld in expected.values()} == {True, False}
    with connect(scene.settings.warehouse, "storykeep_transform") as marts:
        for mart in ("fct_stories", "fct_story_readings"):
            rows = marts.execute(f"select story_id, link_clicks, link_clicks_withheld from marts.{mart}").fetchall()  # noqa: S608 (fixed names)
            found = {story_id: (count, is_withheld) for story_id, count, is_withheld in rows}
            assert found == {story_id: expected[story_id] for story_id in found}
            assert clicks.keys() <= found.keys()
