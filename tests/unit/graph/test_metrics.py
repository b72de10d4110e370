"""The metrics registry."""

from typing import get_args

import pytest

from storykeep.graph.metrics import (
    ACCOUNT_GROUPS,
    BREAKDOWN_VALUES,
    FIELD_VALUES,
    KNOWN_METRICS,
    MEDIA_METRICS,
    STORY_GROUPS,
    AccountGroup,
    MetricGroup,
    Product,
    is_known,
    media_groups,
)
from storykeep.settings import FLAVOURS, Flavour

EVERY_KIND = [(product, flavour) for product in get_args(Product) for flavour in FLAVOURS]
# Officially removed, or refused for stories.
REMOVED = {"impressions", "plays", "video_views", "taps_forward", "exits", "engagement", "profile_views"}


def names(product: Product, flavour: Flavour, media_type: str | None = None) -> list[str]:
    return [group.name for group in media_groups(product, flavour, media_type)]


def asked(product: Product, flavour: Flavour) -> set[str]:
    return {metric for group in media_groups(product, flavour) for metric in group.metrics}


def test_the_groups_of_a_story_that_are_keys_in_raw_keep_their_names() -> None:
    core, navigation, profile_activity = STORY_GROUPS
    together = "reach,views,replies,shares,follows,profile_visits,total_interactions,reposts,navigation"
    assert core == MetricGroup("core", tuple(together.split(",")))
    assert navigation == MetricGroup("navigation", ("navigation",), "story_navigation_action_type")
    assert profile_activity == MetricGroup("profile_activity", ("profile_activity",), "action_type")


def test_optional_metrics_of_a_story_follow_each_alone() -> None:
    required = ["core", "navigation", "profile_activity"]
    assert names("STORY", "facebook") == [*required, "link_clicks", "total_views", "facebook_views"]
    assert names("STORY", "instagram") == [*required, "facebook_views"]


def test_posts_and_reels_have_their_own() -> None:
    assert names("FEED", "facebook") == [
        "core",
        "profile_activity",
        "total_likes",
        "total_comments",
        "total_views",
        "facebook_views",
    ]
    assert names("FEED", "instagram") == ["core", "profile_activity", "facebook_views"]
    assert names("REELS", "instagram") == ["core", "facebook_views", "crossposted_views", "reels_skip_rate"]
    assert names("REELS", "facebook")[1:4] == ["total_likes", "total_comments", "total_views"]


def test_nothing_is_asked_of_a_product_that_refuses_it() -> None:
    assert not {"likes", "comments", "saved"} & asked("STORY", "facebook")
    assert not {"follows", "profile_visits", "profile_activity", "replies"} & asked("REELS", "facebook")
    assert not {"replies", "navigation", "link_clicks"} & asked("FEED", "facebook")
    assert not {"link_clicks", "total_likes", "total_comments", "total_views"} & asked("REELS", "instagram")


def test_total_views_are_asked_of_videos_only() -> None:
    assert "total_views" not in names("STORY", "facebook", "IMAGE")
    assert "total_views" in names("STORY", "facebook", "video")
    assert names("STORY", "facebook", "VIDEO") == names("STORY", "facebook")


@pytest.mark.parametrize(("product", "flavour"), EVERY_KIND)
def test_a_breakdown_and_an_optional_metric_stand_alone(product: Product, flavour: Flavour) -> None:
    core, *others = media_groups(product, flavour)
    assert (core.name, core.breakdown) == ("core", None)
    assert all(group.metrics == (group.name,) for group in others)
    assert len({group.name for group in others}) == len(others)
    breakdowns = {metric.name: metric.breakdown for metric in MEDIA_METRICS}
    assert all(group.breakdown == breakdowns[group.name] for group in others)


def test_what_was_removed_is_never_asked() -> None:
    assert not REMOVED & KNOWN_METRICS
    assert not {"website_clicks", "reached_audience_demographics"} & KNOWN_METRICS


def test_the_account_is_asked_in_calls_that_its_metrics_allow() -> None:
    groups = {group.name: group for group in ACCOUNT_GROUPS}
    assert len(groups) == len(ACCOUNT_GROUPS) == 17
    assert groups["reach"] == AccountGroup("reach", ("reach",), "day", "time_series")
    assert groups["follower_count"].metric_type is None
    assert groups["follows_and_unfollows"].breakdown == "follow_type"
    assert groups["follower_by_age"].breakdown == "age"
    timed = {name for name, group in groups.items() if group.timeframe}
    assert timed == {f"engaged_audience_by_{by}" for by in ("age", "gender", "country", "city")}


def test_refused_metrics_are_left_out() -> None:
    group = MetricGroup("g", ("a", "b"), "x")
    assert group.without(set()) == group
    assert group.without({"a"}) == MetricGroup("g", ("b",), "x")
    assert group.without({"a", "b"}) is None


def test_singles_cover_the_group() -> None:
    assert MetricGroup("g", ("a", "b"), "x").singles() == (
        MetricGroup("g:a", ("a",), "x"),
        MetricGroup("g:b", ("b",), "x"),
    )
    assert AccountGroup("g", ("a",), "day", "total_value").singles() == (
        AccountGroup("g:a", ("a",), "day", "total_value"),
    )


def test_values_are_known_in_any_case() -> None:
    assert is_known(BREAKDOWN_VALUES, "story_navigation_action_type", "TAP_EXIT")
    assert is_known(BREAKDOWN_VALUES, "story_navigation_action_type", "tap_exit")
    assert not is_known(BREAKDOWN_VALUES, "story_navigation_action_type", "hold")
    assert is_known(FIELD_VALUES, "media_product_type", "REELS")
    assert not is_known(FIELD_VALUES, "media_product_type", "REEL")


def test_a_name_without_a_list_of_values_knows_any() -> None:
    assert is_known(BREAKDOWN_VALUES, "city", "Graz")
