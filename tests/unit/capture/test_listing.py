"""Which story nodes start a clock."""

from typing import Any

import pytest

from storykeep.capture.listing import _story_clock
from storykeep.capture.nodes import following
from storykeep.graph.errors import TransientError, UnreadableError
from storykeep.landing.payload import UnlandableError

from .answers import listing

GOOD = {"id": "18000000000000011", "timestamp": "2026-11-21T10:15:00+0000"}


def test_a_story_lives_for_24_hours() -> None:
    story = _story_clock("acc", GOOD)
    assert (story.story_id, f"{story.posted_at:%d %H:%M}", f"{story.expires_at:%d %H:%M}") == (
        "18000000000000011",
        "21 10:15",
        "22 10:15",
    )


@pytest.mark.parametrize(
    "node",
    [
        None,
        [],
        {},
        GOOD | {"id": None},
        GOOD | {"id": "x"},
        GOOD | {"id": "\u0661\u0662"},
        {"id": "1"},
        GOOD | {"timestamp": "yesterday"},
        GOOD | {"timestamp": "2026-W47-6"},
        GOOD | {"timestamp": "2026-06-31T10:15:00+0000"},
        GOOD | {"timestamp": "9999-12-31T23:59:59+0000"},
        GOOD | {"timestamp": 1795350000},
    ],
)
def test_a_node_without_a_usable_id_or_time_is_set_apart(node: Any) -> None:
    with pytest.raises(UnlandableError):
        _story_clock("acc", node)


def test_a_page_that_was_too_much_is_followed_by_the_same_with_fewer_rows() -> None:
    too_much = TransientError("Please reduce the amount of data you're asking for", code=1)
    smaller = following(listing("a", error=too_much), too_much)
    assert smaller is not None
    assert smaller.params["limit"] == "25"


@pytest.mark.parametrize("error", [TransientError("later", code=2), UnreadableError("no list")])
def test_a_page_that_failed_otherwise_is_followed_by_none(error: Any) -> None:
    answer = listing("a", data=[{"id": "1"}])
    answer.body["paging"] = {"next": "https://graph.test/?after=A"}
    assert following(answer, error) is None
