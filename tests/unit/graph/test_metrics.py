"""The metric groups."""

from storykeep.graph.metrics import STORY_GROUPS, MetricGroup


def test_a_breakdown_stands_only_with_the_metric_that_has_it() -> None:
    assert [(group.name, group.breakdown) for group in STORY_GROUPS] == [
        ("core", None),
        ("navigation", "story_navigation_action_type"),
        ("profile_activity", "action_type"),
    ]
    assert all(len(group.metrics) == 1 for group in STORY_GROUPS if group.breakdown)


def test_refused_metrics_are_left_out() -> None:
    group = MetricGroup("g", ("a", "b"), "x")
    assert group.without(set()) == group
    assert group.without({"a"}) == MetricGroup("g", ("b",), "x")
    assert group.without({"a", "b"}) is None


def test_singles_cover_the_group() -> None:
    assert MetricGroup("g", ("a", "b"), "x").singles() == (
        MetricGroup("g:a", ("a",), "x"),
        MetricGroup("g:b", ("b",), "x"),
    )
