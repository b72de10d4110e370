"""The metrics registry: what can be asked of which media or account, and what may be asked together.

One metric that the API refuses fails its whole call, and a breakdown may only be asked of metrics that have it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from storykeep.settings import FLAVOURS, Flavour

Product = Literal["STORY", "FEED", "REELS"]


@dataclass(frozen=True)
class Group:
    """Metrics of one call. The name is a key in the raw tables."""

    name: str
    metrics: tuple[str, ...]

    def without(self, refused: Collection[str]) -> Self | None:
        """The group less the metrics that are known to be refused; None when nothing is left."""
        left = tuple(metric for metric in self.metrics if metric not in refused)
        return replace(self, metrics=left) if left else None

    def singles(self) -> tuple[Self, ...]:
        """The same metrics one by one (`core:reach`), to find out which one the API refuses (error code 100)."""
        return tuple(replace(self, name=f"{self.name}:{metric}", metrics=(metric,)) for metric in self.metrics)


@dataclass(frozen=True)
class MetricGroup(Group):
    """Metrics of one call for one media; the period is always its lifetime."""

    breakdown: str | None = None


@dataclass(frozen=True)
class AccountGroup(Group):
    """Metrics of one call for one account. `timeframe` is for the demographics that follow the calendar."""

    period: Literal["day", "lifetime"]
    metric_type: Literal["time_series", "total_value"] | None = None
    breakdown: str | None = None
    timeframe: str | None = None


@dataclass(frozen=True)
class Metric:
    """One metric of media.

    It is asked with the core group, and apart by its `breakdown`; one with neither is optional and asked alone,
    as the API refuses it for many media. `media_types` are those that have it; None for all.
    """

    name: str
    products: tuple[Product, ...] = ("STORY", "FEED", "REELS")
    core: bool = True
    breakdown: str | None = None
    flavours: tuple[Flavour, ...] = FLAVOURS
    media_types: tuple[str, ...] | None = None


MEDIA_METRICS: tuple[Metric, ...] = (
    Metric("reach"),
    Metric("views"),
    Metric("replies", ("STORY",)),
    Metric("likes", ("FEED", "REELS")),
    Metric("comments", ("FEED", "REELS")),
    Metric("saved", ("FEED", "REELS")),
    Metric("shares"),
    Metric("follows", ("STORY", "FEED")),
    Metric("profile_visits", ("STORY", "FEED")),
    Metric("total_interactions"),
    Metric("reposts"),
    Metric("ig_reels_avg_watch_time", ("REELS",)),
    Metric("ig_reels_video_view_total_time", ("REELS",)),
    Metric("navigation", ("STORY",), breakdown="story_navigation_action_type"),
    Metric("profile_activity", ("STORY", "FEED"), core=False, breakdown="action_type"),
    Metric("link_clicks", ("STORY",), core=False, flavours=("facebook",)),
    Metric("total_likes", ("FEED", "REELS"), core=False, flavours=("facebook",)),
    Metric("total_comments", ("FEED", "REELS"), core=False, flavours=("facebook",)),
    Metric("total_views", core=False, flavours=("facebook",), media_types=("VIDEO",)),
    # Both are refused for media that was not shared to Facebook.
    Metric("facebook_views", core=False),
    Metric("crossposted_views", ("REELS",), core=False),
    Metric("reels_skip_rate", ("REELS",), core=False),  # "in development" at Meta
)


def media_groups(product: Product, flavour: Flavour, media_type: str | None = None) -> tuple[MetricGroup, ...]:
    """The calls that bring every metric of such media: the core, each breakdown, then each optional metric alone.

    `media_type` leaves out what media of that type never has; None (unknown) leaves out nothing.
    """
    metrics = [metric for metric in MEDIA_METRICS if product in metric.products and flavour in metric.flavours]
    optional = [metric for metric in metrics if not metric.core and not metric.breakdown]
    alone = [metric.name for metric in optional if _has(metric, media_type)]
    return (*_required(metrics), *(MetricGroup(name, (name,)) for name in alone))


def _required(metrics: Iterable[Metric]) -> tuple[MetricGroup, ...]:
    core = tuple(metric.name for metric in metrics if metric.core)
    apart = (MetricGroup(metric.name, (metric.name,), metric.breakdown) for metric in metrics if metric.breakdown)
    return (MetricGroup("core", core), *apart)


def _has(metric: Metric, media_type: str | None) -> bool:
    return media_type is None or metric.media_types is None or media_type.upper() in metric.media_types


# The groups that every story has, at both flavours.
STORY_GROUPS = _required([metric for metric in MEDIA_METRICS if "STORY" in metric.products])

# Below 100 followers the metrics on followers are missing, not zero. Of a day, the hours of the online followers are
# empty for two days after its end.
DAY_GROUPS: tuple[AccountGroup, ...] = (
    AccountGroup("reach", ("reach",), "day", "time_series"),
    AccountGroup("views_by_follow_type", ("views",), "day", "total_value", "follow_type"),
    AccountGroup("views_by_product", ("views",), "day", "total_value", "media_product_type"),
    AccountGroup("engagement", ("accounts_engaged", "replies", "reposts"), "day", "total_value"),
    AccountGroup(
        "interactions",
        ("total_interactions", "likes", "comments", "saves", "shares"),
        "day",
        "total_value",
        "media_product_type",
    ),
    AccountGroup("profile_links_taps", ("profile_links_taps",), "day", "total_value", "contact_button_type"),
    # Without the breakdown there is no value in the answer.
    AccountGroup("follows_and_unfollows", ("follows_and_unfollows",), "day", "total_value", "follow_type"),
    AccountGroup("follower_count", ("follower_count",), "day"),  # empty with any metric_type
    AccountGroup("online_followers", ("online_followers",), "lifetime"),
)
# Who the followers are, and who engaged this month; missing, too, below 100 followers, or 100 engagements.
AUDIENCE_GROUPS: tuple[AccountGroup, ...] = tuple(
    AccountGroup(f"{audience}_by_{by}", (f"{audience}_demographics",), "lifetime", "total_value", by, timeframe)
    for audience, timeframe in (("follower", None), ("engaged_audience", "this_month"))
    for by in ("age", "gender", "country", "city")
)
ACCOUNT_GROUPS = (*DAY_GROUPS, *AUDIENCE_GROUPS)

# Everything that is ever asked for: a reply that names another metric tells of a change at Meta.
KNOWN_METRICS = frozenset(metric.name for metric in MEDIA_METRICS).union(*(group.metrics for group in ACCOUNT_GROUPS))

# Values in lower case: documentation and replies differ in the case. A breakdown that is not here (age, city,
# country) has no list of values.
BREAKDOWN_VALUES: Mapping[str, frozenset[str]] = {
    "story_navigation_action_type": frozenset({"tap_forward", "tap_back", "tap_exit", "swipe_forward"}),
    "action_type": frozenset({"bio_link_clicked", "call", "direction", "email", "text", "other"}),
    "follow_type": frozenset({"follower", "non_follower", "unknown"}),
    "contact_button_type": frozenset(
        {"book_now", "call", "direction", "email", "instant_experience", "text", "undefined"}
    ),
    "media_product_type": frozenset({"ad", "story", "reel", "post", "carousel_container", "igtv", "ar_effect_preview"}),
}
# The values of a media node's own fields, which are other words than those of the breakdown.
FIELD_VALUES: Mapping[str, frozenset[str]] = {
    "media_type": frozenset({"image", "video", "carousel_album", "broadcast"}),
    "media_product_type": frozenset({"ad", "feed", "story", "reels", "live"}),
}


def is_known(values: Mapping[str, frozenset[str]], name: str, value: str) -> bool:
    """Whether a value of `name` is one of those listed in `values`, in any case; true where there is no list."""
    return name not in values or value.lower() in values[name]
