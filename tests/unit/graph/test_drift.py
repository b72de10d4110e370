"""Signs that Meta's replies have changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.graph import drift
from storykeep.graph.fields import STORY_FIELDS

NODE = {
    "id": "180",
    "media_type": "VIDEO",
    "media_product_type": "STORY",
    "timestamp": "2026-11-21T10:15:00+0000",
    "owner": {"id": "1784"},
    "like_count": 0,
}
NAVIGATION = {
    "name": "navigation",
    "values": [{"value": 7}],
    "total_value": {
        "value": 7,
        "breakdowns": [
            {
                "dimension_keys": ["story_navigation_action_type"],
                "results": [
                    {"dimension_values": ["tap_forward"], "value": 4},
                    {"dimension_values": ["TAP_EXIT"], "value": 3},
                ],
            }
        ],
    },
}


def breakdown(*values: Any) -> dict[str, Any]:
    parts = [{"dimension_values": [value], "value": 1} for value in values]
    split = {"dimension_keys": ["story_navigation_action_type"], "results": parts}
    return {"name": "navigation", "total_value": {"breakdowns": [split]}}


def stories(*nodes: Any) -> set[str]:
    return drift.of_stories({"data": list(nodes)})


def insights(*items: Any) -> set[str]:
    return drift.of_insights({"data": list(items)})


def test_what_is_known_is_no_sign_in_any_case_of_letters() -> None:
    assert stories(NODE, NODE | {"media_type": "image", "media_product_type": "Story"}, {"id": "181"}) == set()
    assert stories(dict.fromkeys(STORY_FIELDS.split(","), "x") | NODE) == set()
    assert insights({"name": "views", "values": [{"value": 9}]}, NAVIGATION) == set()


def test_each_new_field_and_value_of_a_story_is_one_sign() -> None:
    hologram = NODE | {"media_type": "HOLOGRAM", "mood": "sunny"}
    assert stories(hologram, hologram | {"media_type": "hologram"}, NODE | {"media_product_type": "SPACES"}) == {
        "stories: media_type HOLOGRAM",
        "stories: field mood",
        "stories: media_product_type SPACES",
    }


def test_each_new_metric_and_part_of_a_breakdown_is_one_sign() -> None:
    assert insights({"name": "dwell_time"}, breakdown("tap_forward", "tap_sideways", "TAP_SIDEWAYS")) == {
        "insights: metric dwell_time",
        "insights: story_navigation_action_type TAP_SIDEWAYS",
    }


def test_a_value_of_another_type_is_a_sign() -> None:
    assert stories(NODE | {"media_type": 7}) == {"stories: media_type 7"}


def test_a_name_is_bounded_and_printable() -> None:
    (sign,) = stories({"a\n\x1b[31m" + "b" * 500: 1})
    assert sign.isprintable()
    assert len(sign) < 100


@pytest.mark.parametrize("body", [None, [], "x", {}, {"data": None}, {"data": {"a": 1}}, {"data": [None, 7, []]}])
def test_what_is_no_list_has_no_signs(body: Any) -> None:
    assert drift.of_stories(body) == drift.of_insights(body) == set()


json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "name", "total_value", "breakdowns", "results", "dimension_keys", "media_type"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
)


@given(json)
def test_any_reply_is_survived(value: Any) -> None:
    for body in (value, {"data": [value]}, {"data": [{"total_value": {"breakdowns": [value]}}]}):
        assert all(sign.startswith("stories: ") for sign in drift.of_stories(body))
        assert all(sign.startswith("insights: ") for sign in drift.of_insights(body))
