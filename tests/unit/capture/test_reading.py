"""Which insight replies may land: those that dbt can read. One that cannot would stop the builds of all accounts."""

from typing import Any

import pytest

from storykeep.capture.reading import _no_counts


def metric(value: Any, **more: Any) -> list[Any]:
    return [{"name": "views", "period": "lifetime", "values": [{"value": value}], **more}]


def breakdown(results: Any) -> list[Any]:
    return metric(3, total_value={"value": 3, "breakdowns": [{"dimension_keys": ["x"], "results": results}]})


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        metric(0),
        metric(2**63 - 1),
        breakdown([{"dimension_values": ["tap_exit"], "value": 3}]),
        [{"name": "a_metric_of_next_year", "values": [{"value": 1}], "title": None, "more": {"of": [1.5]}}],
    ],
)
def test_named_counts_land_and_so_does_what_is_new(metrics: list[Any]) -> None:
    assert _no_counts(metrics) is None


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        (["views"], "without a name"),
        ([{"values": []}], "without a name"),
        ([{"name": 7}], "without a name"),
        (metric(-1), "views: -1 is not a count"),
        (metric(1.0), "1.0"),
        (metric(True), "True"),
        (metric("412"), "412"),
        (metric(None), "None"),
        (metric({"0": 12}), "is not a count"),
        (metric(2**63), "is not a count"),
        (breakdown({"tap_exit": 3}), "results are no list"),
        (breakdown([{"dimension_values": ["tap_exit"], "value": -3}]), "-3"),
    ],
)
def test_anything_else_has_a_reason_to_be_kept_apart(metrics: list[Any], reason: str) -> None:
    assert reason in str(_no_counts(metrics))
