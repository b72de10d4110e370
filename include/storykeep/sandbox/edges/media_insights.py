"""What the insights of all media have in common: metrics that fail together, breakdowns, the shape of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from storykeep.sandbox.world.curves import ACTIONS, NAVIGATION
from storykeep.sandbox.world.ids import fraction

_TITLES = {
    "reach": "Accounts reached",
    "views": "Views",
    "replies": "Replies",
    "likes": "Likes",
    "comments": "Comments",
    "saved": "Saved",
    "shares": "Shares",
    "follows": "Follows",
    "profile_visits": "Profile visits",
    "profile_activity": "Profile activity",
    "total_interactions": "Interactions",
    "reposts": "Reposts",
    "navigation": "Navigation",
    "link_clicks": "Link clicks",
    "facebook_views": "Facebook views",
    "crossposted_views": "Crossposted views",
    "total_views": "Total views",
    "total_likes": "Total likes",
    "total_comments": "Total comments",
    "ig_reels_avg_watch_time": "Average watch time",
    "ig_reels_video_view_total_time": "Watch time",
    "reels_skip_rate": "Skip rate",
}
_ON_FACEBOOK_HOST = ("link_clicks", "total_views", "total_likes", "total_comments")
_OF_SHARED = ("facebook_views", "crossposted_views")
_KNOWN = tuple(sorted({*_TITLES, "impressions"}))
_PERIODS = ("day", "week", "days_28", "month", "lifetime", "total_over_range")
# breakdown -> its metric, and the count behind each dimension value
_BREAKDOWNS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "story_navigation_action_type": ("navigation", NAVIGATION),
    "action_type": ("profile_activity", {name: name for name in ACTIONS}),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Media whose insights are asked for.

    Args:
        noun: what the descriptions call it.
        has: the metrics of its product type.
        refused: of those, what this one does not have, and the error.
        counts: its numbers at the moment of the call.
    """

    media_id: str
    noun: str
    has: frozenset[str]
    refused: Mapping[str, ApiError]
    counts: Mapping[str, int]


def media_insights(view: View, media: Measured, params: Params) -> dict[str, Any]:
    """The asked insights; the period is always the lifetime, whatever is asked.

    Raises:
        ApiError: any metric is refused, a breakdown does not fit, or fewer than five people have seen it.
    """
    metrics = [metric.strip() for metric in params.get("metric", "").split(",") if metric.strip()]
    if not metrics:
        raise bad_parameter("The parameter metric is required.")
    if params.get("period", "lifetime") not in _PERIODS:
        raise bad_parameter(f"period must be one of the following values: {', '.join(_PERIODS)}")
    for place, metric in enumerate(metrics):
        _check(view, media, metric, place)
    breakdown = _breakdown(metrics, params.get("breakdown"))
    counts = media.counts
    if not counts["viewers"]:
        return {"data": []}
    if counts["viewers"] < switches.MIN_VIEWERS:
        raise not_enough_viewers()
    data = [_row(media, metric, _value(metric, counts)) for metric in metrics]
    if breakdown:
        data[0]["total_value"] = _total_value(media, breakdown, _value(metrics[0], counts))
    return {"data": data}


def _check(view: View, media: Measured, metric: str, place: int) -> None:
    if metric == "impressions":
        raise removed_metric(metric)
    if metric not in _TITLES or (view.call.host == "instagram" and metric in _ON_FACEBOOK_HOST):
        raise unknown_metric(place, _KNOWN)
    if metric not in media.has:
        raise unsupported_metric(metric)
    if metric in media.refused:
        raise media.refused[metric]
    if metric in _OF_SHARED and "facebook_views" not in media.counts:
        raise not_shared_to_facebook()


def _breakdown(metrics: Sequence[str], breakdown: str | None) -> str | None:
    """The asked breakdown, None if none was asked."""
    if not breakdown:
        return None
    if breakdown not in _BREAKDOWNS:
        raise bad_parameter(f"breakdown[0] must be one of the following values: {', '.join(_BREAKDOWNS)}")
    if list(metrics) != [_BREAKDOWNS[breakdown][0]]:
        raise mixed_breakdown()
    return breakdown


def _value(metric: str, counts: Mapping[str, int]) -> int:
    """A metric's number; those of both platforms are the sum of theirs."""
    if metric == "total_views":
        return counts["views"] + counts.get("facebook_views", 0)
    if metric == "crossposted_views":
        return counts["views"] + counts["facebook_views"]
    return counts[metric.removeprefix("total_") if metric in ("total_likes", "total_comments") else metric]


def _row(media: Measured, metric: str, value: int) -> dict[str, Any]:
    one: dict[str, Any] = {"value": value}
    return {
        "name": metric,
        "period": "lifetime",
        **({"values": [one]} if switches.PLAIN_METRIC == "values" else {"total_value": one}),
        "title": _TITLES[metric],
        "description": f"{_TITLES[metric]} of this {media.noun}.",
        "id": f"{media.media_id}/insights/{metric}/lifetime",
    }


def _total_value(media: Measured, breakdown: str, total: int) -> dict[str, Any]:
    """The split of a total, in no fixed order; values that never happened are left out."""
    names = _BREAKDOWNS[breakdown][1]
    happened = [value for value, name in names.items() if media.counts.get(name)]
    happened.sort(key=lambda value: fraction(media.media_id, value))
    results = [
        {
            "dimension_values": [value.upper() if switches.UPPER_CASE_BREAKDOWN else value],
            "value": media.counts[names[value]],
        }
        for value in happened
    ]
    return {"value": total, "breakdowns": [{"dimension_keys": [breakdown], "results": results}]}
