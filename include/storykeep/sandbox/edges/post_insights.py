"""`/{post-id}/insights`: feed posts and reels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from storykeep.sandbox.edges.media_insights import Measured, media_insights
from storykeep.sandbox.edges.posts import is_own
from storykeep.sandbox.errors import (
    ApiError,
    media_before_conversion,
    no_such_object,
    no_total_views,
    unsupported_metric,
)
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.posts import Child, Post

_VIDEOS_HAVE_VIEWS_SINCE = datetime(2024, 7, 2, tzinfo=UTC)
_BOTH = {
    "reach",
    "views",
    "shares",
    "total_interactions",
    "reposts",
    "likes",
    "comments",
    "saved",
    "facebook_views",
    "total_views",
    "total_likes",
    "total_comments",
}
_FEED = frozenset(_BOTH | {"follows", "profile_visits", "profile_activity"})
_REELS = frozenset(
    _BOTH | {"crossposted_views", "ig_reels_avg_watch_time", "ig_reels_video_view_total_time", "reels_skip_rate"}
)


def post_insights(view: View, post: Post, params: Params) -> dict[str, Any]:
    """The insights of a post.

    Raises:
        ApiError: it is another account's or older than the professional account, any metric is refused, a breakdown
            does not fit, or fewer than five people have seen it.
    """
    if not is_own(view, post):
        raise no_such_object(post.media_id)
    if not post.is_professional:
        raise media_before_conversion()
    noun, has = ("reel", _REELS) if post.product == "REELS" else ("post", _FEED)
    return media_insights(view, Measured(post.media_id, noun, has, _refused(post), post.numbers(view.now)), params)


def child_insights(view: View, child: Child, params: Params) -> dict[str, Any]:
    """Refuse: the parts of an album have no insights.

    Raises:
        ApiError: always.
    """
    raise no_such_object(child.media_id)


def _refused(post: Post) -> dict[str, ApiError]:
    """Views were not counted of old feed videos, and views of both platforms are counted of videos only."""
    refused = {}
    if post.media_type != "VIDEO":
        refused["total_views"] = no_total_views()
    elif post.product == "FEED" and post.posted_at < _VIDEOS_HAVE_VIEWS_SINCE:
        refused["views"] = unsupported_metric("views")
    return refused
