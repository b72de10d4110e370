from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from storykeep.errors import StorykeepError
from storykeep.report.truth import kept_against_truth

pytestmark = pytest.mark.integration

BUILD = datetime(2026, 11, 21, 12, tzinfo=UTC)


def true_story(story_id: str, views: int, cause: str | None = None, expires_at: str = "2026-11-21T12:00:00Z") -> Any:
    return {
        "story_id": story_id,
        "username": "mila",
        "expires_at": expires_at,
        "views": views,
        "served": cause is None,
        "cause": cause,
    }


def test_the_marts_are_compared_story_by_story(insert_mart: Callable[..., None], bi: psycopg.Connection) -> None:
    insert_mart("fct_stories", story_id="kept", views=998)
    insert_mart("fct_stories", story_id="unread")
    insert_mart("fct_stories", story_id="lost_token", views=40)
    insert_mart("fct_stories", story_id="running", views=5)
    insert_mart("fct_stories", story_id="ended_since_the_build", views=5, finality="live")
    truth = [
        true_story("kept", 1000),
        true_story("unread", 300),
        true_story("unseen", 200),
        true_story("lost_token", 90, "token"),
        true_story("few", 3, "withheld"),
        true_story("ended_since_the_build", 50),
        true_story("running", 50, expires_at="2026-11-21T12:00:01Z"),
    ]

    kept = kept_against_truth(bi, truth, BUILD)

    assert (kept.kept_views, kept.true_views) == (998, 1500)
    assert [story.story_id for story in kept.not_captured] == ["unread", "unseen"]
    assert {cause: [story.story_id for story in stories] for cause, stories in kept.unserved.items()} == {
        "token": ["lost_token"],
        "withheld": ["few"],
    }


def test_without_marts_it_says_to_build_them(transform: psycopg.Connection) -> None:
    with pytest.raises(StorykeepError, match="run: storykeep build"):
        kept_against_truth(transform, [], BUILD)
