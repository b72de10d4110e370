"""What a reading asks for, and when a refusal is the API's and not a story's."""

import pytest

from storykeep.capture.refusals import Tally, groups, is_optional, names
from storykeep.graph.errors import RefusedError
from storykeep.graph.metrics import STORY_GROUPS, MetricGroup

from .answers import reading

REPOSTS = MetricGroup("core:reposts", ("reposts",))
NAVIGATION = STORY_GROUPS[1]


def refused(code: int = 100, subcode: int | None = None) -> RefusedError:
    return RefusedError("not supported", code=code, subcode=subcode)


def test_a_breakdown_is_refused_apart_from_its_metric() -> None:
    (name,) = names(NAVIGATION)
    assert name == "navigation by story_navigation_action_type"
    left = {group.name: group for group in groups("facebook", {name})}
    assert "navigation" not in left
    assert "navigation" in left["core"].metrics
    left = {group.name: group for group in groups("facebook", {"navigation"})}
    assert "navigation" in left
    assert "navigation" not in left["core"].metrics


def test_what_was_refused_costs_no_call() -> None:
    assert [group.name for group in groups("facebook", set())][3:] == ["link_clicks", "total_views", "facebook_views"]
    known = {"total_views", "facebook_views", "profile_activity by action_type"}
    assert [group.name for group in groups("facebook", known)] == ["core", "navigation", "link_clicks"]


def test_a_metric_that_every_story_of_a_tick_refuses_is_the_api_s_matter() -> None:
    tally = Tally()
    for story_id in "12":
        tally.refused(reading("a", story_id, REPOSTS, error=refused()))
    assert tally.refused_of_all() == {}
    third = reading("b", "3", REPOSTS, error=refused())
    tally.refused(third)
    assert set(tally.refused_of_all()) == {"reposts"}
    tally.granted(reading("c", "4", MetricGroup("core", ("views", "reposts"))))
    assert tally.refused_of_all() == {}


def test_an_optional_metric_that_a_few_stories_lack_is_no_sign() -> None:
    tally = Tally()
    for story_id in "1234":
        tally.refused(reading("a", story_id, MetricGroup("link_clicks", ("link_clicks",)), error=refused()))
    assert tally.refused_of_all() == {}


def test_only_the_core_makes_a_story_read() -> None:
    assert [name for name in ("core", "core:reach", "navigation", "link_clicks") if not is_optional(name)] == [
        "core",
        "core:reach",
    ]


def test_the_same_story_refusing_twice_counts_once() -> None:
    tally = Tally()
    for _ in range(3):
        tally.refused(reading("a", "1", REPOSTS, error=refused()))
    assert tally.refused_of_all() == {}


@pytest.mark.parametrize(("code", "subcode"), [(100, 2207086), (100, 2108006), (200, None)])
def test_a_refusal_with_a_reason_in_the_story_is_no_sign(code: int, subcode: int | None) -> None:
    tally = Tally()
    for story_id in "1234":
        tally.refused(reading("a", story_id, REPOSTS, error=refused(code, subcode)))
    assert tally.refused_of_all() == {}
