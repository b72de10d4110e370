"""What is asked, to the letter."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.graph.endpoints import account_insights, insights, media, media_node, profile, stories, story, tags
from storykeep.graph.metrics import STORY_GROUPS, AccountGroup, Product
from storykeep.graph.scopes import needed_scope
from storykeep.settings import Flavour

TOKEN = SecretStr("EAAcanary")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def test_stories_are_asked_by_account() -> None:
    ask = stories("1784", TOKEN, key="k")
    assert (ask.path, ask.pool, ask.params["limit"]) == ("1784/stories", "1784", "100")
    assert "timestamp" in ask.params["fields"].split(",")


def test_no_field_is_asked_that_only_one_host_knows() -> None:
    assert "ig_id" not in stories("1", TOKEN, key="k").params["fields"].split(",")


def test_a_story_is_asked_by_its_id() -> None:
    assert story("18000", TOKEN, pool="1784", key="k").path == "18000"


def test_insights_carry_the_groups_breakdown() -> None:
    core, navigation, _ = (insights("18000", TOKEN, group, pool="1784", key="k") for group in STORY_GROUPS)
    assert core.path == "18000/insights"
    assert "breakdown" not in core.params
    assert navigation.params == {"metric": "navigation", "breakdown": "story_navigation_action_type"}


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    assert stories("../me?x=", TOKEN, key="k").path == "..%2Fme%3Fx%3D/stories"


def test_a_list_of_posts_is_asked_between_two_moments() -> None:
    ask = media("1784", TOKEN, "facebook", key="k", since=NOON, until=NOON + timedelta(days=90))
    assert (ask.path, ask.pool, ask.params["limit"]) == ("1784/media", "1784", "100")
    assert (ask.params["since"], ask.params["until"]) == ("1795262400", "1803038400")
    assert not {"since", "until"} & media("1784", TOKEN, "facebook", key="k").params.keys()


def test_counts_of_all_surfaces_are_asked_where_they_exist() -> None:
    def asked(product: Product, flavour: Flavour) -> set[str]:
        return set(media_node("18000", TOKEN, product, flavour, pool="1784", key="k").params["fields"].split(","))

    counts = {"reposts_count", "saved_count", "shares_count", "total_like_count", "total_views_count"}
    assert counts <= asked("REELS", "facebook")
    assert not counts & asked("REELS", "instagram")
    assert not counts & asked("STORY", "facebook")
    assert asked("STORY", "facebook") == asked("STORY", "instagram")
    assert asked("FEED", "facebook") == set(media("1", TOKEN, "facebook", key="k").params["fields"].split(","))


def test_tagged_media_are_paged_by_hand() -> None:
    ask = tags("1784", TOKEN, key="k")
    assert (ask.path, ask.by_hand) == ("1784/tags", True)
    assert "owner" not in ask.params["fields"]
    assert not stories("1784", TOKEN, key="k").by_hand


def test_a_profile_is_asked_with_the_fields_of_its_host() -> None:
    facebook = profile("1784", TOKEN, "facebook", key="k")
    instagram = profile("1784", TOKEN, "instagram", key="k")
    assert facebook.path == instagram.path == "1784"
    assert {"ig_id"} == set(facebook.params["fields"].split(",")) - set(instagram.params["fields"].split(","))
    assert "user_id,account_type" in instagram.params["fields"]


def test_an_accounts_numbers_are_asked_as_their_group_says() -> None:
    group = AccountGroup("g", ("a", "b"), "lifetime", "total_value", "city", "this_month")
    ask = account_insights("1784", TOKEN, group, key="k")
    assert (ask.path, ask.pool) == ("1784/insights", "1784")
    assert ask.params == {
        "metric": "a,b",
        "period": "lifetime",
        "metric_type": "total_value",
        "breakdown": "city",
        "timeframe": "this_month",
    }
    bare = account_insights("1784", TOKEN, AccountGroup("g", ("a",), "day"), key="k", since=NOON, until=NOON + MONTH)
    assert bare.params == {"metric": "a", "period": "day", "since": "1795262400", "until": "1797854400"}


@pytest.mark.parametrize(
    ("since", "until"),
    [(NOON, NOON + MONTH + timedelta(seconds=1)), (NOON, NOON), (NOON, NOON - MONTH), (NOON, None), (None, NOON)],
)
def test_a_range_that_the_api_refuses_is_never_asked(since: datetime | None, until: datetime | None) -> None:
    group = AccountGroup("g", ("a",), "day")
    with pytest.raises(StorykeepError, match="at most 30 days apart"):
        account_insights("1784", TOKEN, group, key="k", since=since, until=until)


@pytest.mark.parametrize(
    ("flavour", "path", "scope"),
    [
        ("facebook", "1/insights", "instagram_manage_insights"),
        ("instagram", "1/insights", "instagram_business_manage_insights"),
        ("facebook", "1/stories", "instagram_basic"),
        ("instagram", "1/media", "instagram_business_basic"),
        ("facebook", "18000", "instagram_basic"),
        ("facebook", "1/tags", "instagram_manage_comments"),
        ("instagram", "1/tags", "instagram_business_manage_comments"),
        ("facebook", "me/accounts", "pages_show_list"),
        ("facebook", "v26.0/2101/subscribed_apps", "pages_manage_metadata"),
        ("instagram", "v26.0/me/subscribed_apps", "instagram_business_basic"),
        ("instagram", "refresh_access_token", "instagram_business_basic"),
        ("facebook", "v26.0/me/permissions", ""),
        ("facebook", "v26.0/debug_token", ""),
        ("instagram", "https://api.instagram.com/oauth/access_token", ""),
    ],
)
def test_the_scope_that_a_path_needs(flavour: Flavour, path: str, scope: str) -> None:
    assert needed_scope(flavour, path) == scope


def test_no_repr_shows_the_token() -> None:
    assert "EAAcanary" not in repr(stories("1", TOKEN, key="k"))
