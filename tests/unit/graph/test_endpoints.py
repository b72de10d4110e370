"""What is asked, to the letter."""

from pydantic import SecretStr

from storykeep.graph.endpoints import insights, needed_scope, stories, story
from storykeep.graph.metrics import STORY_GROUPS

TOKEN = SecretStr("EAAcanary")


def test_stories_are_asked_by_account() -> None:
    ask = stories("1784", TOKEN, key="k", after="c")
    assert (ask.path, ask.pool, ask.params["after"], ask.params["limit"]) == ("1784/stories", "1784", "c", "100")
    assert "timestamp" in ask.params["fields"].split(",")
    assert "after" not in stories("1784", TOKEN, key="k").params


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


def test_the_scope_that_a_path_needs() -> None:
    assert needed_scope("facebook", "1/insights") == "instagram_manage_insights"
    assert needed_scope("instagram", "1/insights") == "instagram_business_manage_insights"
    assert needed_scope("instagram", "1/stories") == "instagram_business_basic"


def test_no_repr_shows_the_token() -> None:
    assert "EAAcanary" not in repr(stories("1", TOKEN, key="k"))
