"""What Meta changes: it lands as ever, is told once, and fails nothing."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storykeep.capture.asks import group_of, key_of
from storykeep.graph.client import Answer
from storykeep.graph.errors import RefusedError
from storykeep.report.drift import new_notices

from .conftest import Scene

pytestmark = pytest.mark.integration

RUNG = timedelta(hours=4)  # within which every story is due once more
QUARTER = timedelta(minutes=15)


def rewrites(scene: Scene, edge: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """From now on every item of the replies of one edge is edited."""

    def changed(answer: Answer) -> Answer:
        if answer.body is None or not answer.ask.path.endswith(edge):
            return answer
        body = json.loads(answer.raw)
        for item in body["data"]:
            edit(item)
        return replace(answer, body=body, raw=json.dumps(body).encode())

    scene.change = changed


def refuses(scene: Scene, metric: str, *, but: str = "") -> None:
    """From now on the API does not know a metric, except for one story."""

    def changed(answer: Answer) -> Answer:
        key = key_of(answer.ask)
        if not key.story_id or key.story_id == but or metric not in group_of(answer.ask).metrics or answer.error:
            return answer
        return replace(answer, body=None, error=RefusedError(f"{metric} is no longer supported", code=100, status=400))

    scene.change = changed


def notices(scene: Scene) -> list[str]:
    return [what for (what,) in scene.all("select what from app.schema_notices order by what")]


def test_the_replies_of_today_raise_no_notice(scene: Scene) -> None:
    run = scene.tick()
    scene.tick(RUNG)
    assert notices(scene) == []
    assert "schema_notices" not in run.counts


def test_an_unknown_field_and_value_land_and_are_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    rewrites(scene, "stories", lambda node: node.update(media_type="HOLOGRAM", mood={"is": "sunny"}))
    with caplog.at_level(logging.WARNING):
        run = scene.tick()
    assert notices(scene) == ["stories: field mood", "stories: media_type HOLOGRAM"]
    assert run.counts["schema_notices"] == 2
    assert caplog.text.count("HOLOGRAM") == 1
    assert scene.all("select distinct payload ->> 'media_type', payload #>> '{mood,is}' from raw.stories") == [
        ("HOLOGRAM", "sunny")
    ]
    assert scene.all("select distinct api_version, run_id, first_seen_at from app.schema_notices") == [
        ("v26.0", run.run_id, scene.now)
    ]
    assert run.causes.keys() <= {"token", "permission"}
    caplog.clear()
    assert "schema_notices" not in scene.tick(QUARTER).counts
    assert "HOLOGRAM" not in caplog.text


def test_an_unknown_metric_and_part_of_a_breakdown_land_and_are_told(scene: Scene) -> None:
    def edit(item: dict[str, Any]) -> None:
        if "total_value" in item and item["name"] == "navigation":
            item["total_value"]["breakdowns"][0]["results"].append({"dimension_values": ["tap_sideways"], "value": 1})
        elif item["name"] == "reposts":
            item["name"] = "echoes"

    rewrites(scene, "insights", edit)
    run = scene.tick()
    assert notices(scene) == ["insights: metric echoes", "insights: story_navigation_action_type TAP_SIDEWAYS"]
    assert scene.one("select count(*) from raw.story_insights where payload @> %s", '{"data": [{"name": "echoes"}]}')
    assert run.counts["readings"] > 5
    assert [notice.what for notice in new_notices(scene.conn, scene.now)] == notices(scene)
    assert new_notices(scene.conn, scene.now + timedelta(days=8)) == ()


@pytest.mark.parametrize("metric", ["reposts", "profile_activity"])
def test_a_metric_that_meta_removed_is_told_with_its_version_and_the_others_are_kept(scene: Scene, metric: str) -> None:
    refuses(scene, metric)
    run = scene.tick()
    name = "profile_activity by action_type" if metric == "profile_activity" else metric
    assert scene.all("select what, api_version from app.schema_notices") == [
        (f"insights: {name} is refused of every story", "v26.0")
    ]
    assert run.counts["schema_notices"] == 1
    kept = scene.all(
        "select distinct item ->> 'name' from raw.story_insights, jsonb_array_elements(payload -> 'data') as item"
        " where status = 'ok'"
    )
    names = {name for (name,) in kept}
    assert {"views", "reach", "navigation"} <= names
    assert metric not in names
    assert run.counts["readings"] > 5
    assert run.causes.keys() <= {"token", "permission"}


def test_a_metric_that_one_story_still_has_was_not_removed(scene: Scene) -> None:
    scene.tick()
    story_id = scene.one("select max(story_id) from app.story_clock where read_at is not null")
    refuses(scene, "reposts", but=story_id)
    scene.tick(RUNG)
    assert notices(scene) == []


def test_a_refusal_of_everything_is_no_sign_of_a_removed_metric(scene: Scene) -> None:
    scene.fault("error_100", endpoint="insights")
    scene.tick()
    assert notices(scene) == []
