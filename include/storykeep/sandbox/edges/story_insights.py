"""`/{story-id}/insights`: metrics, breakdowns, and all that it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.errors import (
    ApiError,
    bad_parameter,
    mixed_breakdown,
    not_enough_viewers,
    not_shared_to_facebook,
    removed_metric,
    unknown_metric,
    unsupported_metric,
)
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Flavour
from storykeep.sandbox.world.curves import ACTIONS, NAVIGATION
from storykeep.sandbox.world.stories import Story

_TITLES = {
    "reach": "Accounts reached",
    "views": "Views",
    "replies": "Replies",
    "shares": "Shares",
    "follows": "Follows",
    "profile_visits": "Profile visits",
    "profile_activity": "Profile activity",
    "total_interactions": "Interactions",
    "reposts": "Reposts",
    "navigation": "Navigation",
    "link_clicks": "Link clicks",
    "total_views": "Total views",
}
_FACEBOOK_ONLY = ("link_clicks", "total_views")
_OF_OTHER_MEDIA = (
    "likes",
    "comments",
    "saved",
    "total_likes",
    "total_comments",
    "crossposted_views",
    "ig_reels_avg_watch_time",
    "ig_reels_video_view_total_time",
    "reels_skip_rate",
)
_KNOWN = tuple(sorted({*_TITLES, *_OF_OTHER_MEDIA, "facebook_views", "impressions"}))
# breakdown -> its metric, and the count behind each dimension value
_BREAKDOWNS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "story_navigation_action_type": ("navigation", NAVIGATION),
    "action_type": ("profile_activity", {name: name for name in ACTIONS}),
}


def story_insights(view: View, story: Story, params: Params) -> dict[str, Any]:
    """The insights of a live story; an expired one that the switch keeps readable has none.

    Raises:
        ApiError: any metric is refused, a breakdown does not fit, or fewer than five people have seen the story.
    """
    if view.now >= story.expires_at:
        return {"data": []}
    metrics = [metric.strip() for metric in params.get("metric", "").split(",") if metric.strip()]
    if not metrics:
        raise bad_parameter("The parameter metric is required.")
    for place, metric in enumerate(metrics):
        _check(metric, place, story, view.call.host)
    values = _breakdown_values(metrics, params.get("breakdown"))
    viewers = story.viewers(view.now)
    if not viewers:
        return {"data": []}
    if viewers < switches.MIN_VIEWERS:
        raise not_enough_viewers()
    counts = story.numbers(view.now)
    data = [_row(story.story_id, metric, counts.get(metric, counts["views"])) for metric in metrics]
    if values is not None:
        data[0]["total_value"] = _total_value(params["breakdown"], data[0]["values"][0]["value"], values, counts)
    return {"data": data}


def _check(metric: str, place: int, story: Story, host: Flavour) -> None:
    if metric == "facebook_views":
        raise not_shared_to_facebook()
    if metric == "impressions":
        raise removed_metric(metric)
    if metric in _OF_OTHER_MEDIA:
        raise unsupported_metric(metric)
    if metric not in _TITLES or (host == "instagram" and metric in _FACEBOOK_ONLY):
        raise unknown_metric(place, _KNOWN)
    if metric == "total_views" and story.media_type != "VIDEO":
        raise ApiError(400, 200, "(#200) The metric total_views is not available for this media")


def _breakdown_values(metrics: Sequence[str], breakdown: str | None) -> Mapping[str, str] | None:
    """Dimension value -> count of the asked breakdown, None if none was asked."""
    if not breakdown:
        return None
    if breakdown not in _BREAKDOWNS:
        raise bad_parameter(f"breakdown[0] must be one of the following values: {', '.join(_BREAKDOWNS)}")
    metric, values = _BREAKDOWNS[breakdown]
    if list(metrics) != [metric]:
        raise mixed_breakdown()
    return values


def _row(story_id: str, metric: str, value: int) -> dict[str, Any]:
    return {
        "name": metric,
        "period": "lifetime",
        "values": [{"value": value}],
        "title": _TITLES[metric],
        "description": f"{_TITLES[metric]} of this story.",
        "id": f"{story_id}/insights/{metric}/lifetime",
    }


def _total_value(breakdown: str, total: int, values: Mapping[str, str], counts: Mapping[str, int]) -> dict[str, Any]:
    """The split of a total; values that never happened are left out."""
    results = [{"dimension_values": [value], "value": counts[name]} for value, name in values.items() if counts[name]]
    return {"value": total, "breakdowns": [{"dimension_keys": [breakdown], "results": results}]}
