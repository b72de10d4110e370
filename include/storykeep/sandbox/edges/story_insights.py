"""`/{story-id}/insights`."""

from __future__ import annotations

from typing import Any

from storykeep.sandbox.edges.media_insights import Measured, media_insights
from storykeep.sandbox.errors import no_total_views
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.stories import Story

_HAS = frozenset(
    {
        "reach",
        "views",
        "replies",
        "shares",
        "follows",
        "profile_visits",
        "profile_activity",
        "total_interactions",
        "reposts",
        "navigation",
        "link_clicks",
        "facebook_views",
        "total_views",
    }
)


def story_insights(view: View, story: Story, params: Params) -> dict[str, Any]:
    """The insights of a live story; an expired one that the switch keeps readable has none.

    Raises:
        ApiError: any metric is refused, a breakdown does not fit, or fewer than five people have seen the story.
    """
    if view.now >= story.expires_at:
        return {"data": []}
    refused = {} if story.media_type == "VIDEO" else {"total_views": no_total_views()}
    return media_insights(view, Measured(story.story_id, "story", _HAS, refused, story.numbers(view.now)), params)
