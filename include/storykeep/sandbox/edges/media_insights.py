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
_REMOVED = frozenset(
    {
        "impressions",
        "plays",
        "clips_replays_count",
        "ig_reels_aggregated_all_plays_count",
        "video_views",
        "taps_forward",
        "taps_back",
        "exits",
        "engagement",
        "carousel_album_engagement",
        "carousel_album_impressions",
        "carousel_album_reach",
        "carousel_album_saved",
        "carousel_album_video_views",
    }
)
_NOT_WITH_NAVIGATION = frozenset({"follows", "profile_visits", "reposts"})
_PERIODS = ("day", "week", "days_28", "month", "lifetime", "total_over_range")
# breakdown -> its metric, and the count behind each dimension value
_BREAKDOWNS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "story_navigation_action_type": ("navigation", NAVIGATION),
    "action_type": ("profile_activity", {name: name for name in ACTIONS}),
}
_OF_NO_METRIC = ("follow_type", "surface_type")  # breakdowns that no metric of media has


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
    if not switches.CORE_TOGETHER and "navigation" in metrics and _NOT_WITH_NAVIGATION.intersection(metrics):
        raise unsupported_metric("navigation")
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
    if metric in _REMOVED:
        raise removed_metric(metric)
    known = _known(view)
    if metric not in known:
        raise unknown_metric(place, known)
    if metric not in media.has:
        raise unsupported_metric(metric)
    if metric in media.refused:
        raise media.refused[metric]
    if metric in _OF_SHARED and "facebook_views" not in media.counts:
        raise not_shared_to_facebook()


def _known(view: View) -> Sequence[str]:
    """The metrics of the host; impressions is one still, of media from before July 2024."""
    absent = set(_ON_FACEBOOK_HOST if view.call.host == "instagram" else ())
    if not switches.LINK_CLICKS:
        absent.add("link_clicks")
    return sorted({*_TITLES, "impressions"} - absent)


def _breakdown(metrics: Sequence[str], breakdown: str | None) -> str | None:
    """The asked breakdown, None if none was asked."""
    if not breakdown:
        return None
    asked, known = breakdown.lower(), (*_BREAKDOWNS, *_OF_NO_METRIC)
    if asked not in known:
        raise bad_parameter(f"breakdown[0] must be one of the following values: {', '.join(known)}")
    if asked in _OF_NO_METRIC or list(metrics) != [_BREAKDOWNS[asked][0]]:
        raise mixed_breakdown()
    return asked


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
