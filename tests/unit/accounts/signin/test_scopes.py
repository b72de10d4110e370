"""Which permissions there are, what each is for, and what they amount to."""

import csv
from pathlib import Path

import pytest

from storykeep.accounts.signin.level import Level, level_of
from storykeep.accounts.signin.scopes import ESSENTIAL, UNASKED, asked_scopes, lacking, surplus
from storykeep.graph.scopes import needed_scope
from storykeep.settings import FLAVOURS, Flavour

SEED = Path(__file__).parents[4] / "dbt" / "seeds" / "permissions.csv"
# A path of every kind that is asked for.
PATHS = {
    "facebook": ("v26.0/1/stories", "v26.0/1/insights", "v26.0/me/accounts", "v26.0/1/subscribed_apps"),
    "instagram": ("v26.0/1/stories", "v26.0/1/insights"),
}
FACEBOOK = asked_scopes("facebook")
INSTAGRAM = asked_scopes("instagram")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_permission_that_is_asked_for_has_a_purpose_and_every_needed_one_is_asked_for(flavour: Flavour) -> None:
    with SEED.open(encoding="utf-8", newline="") as file:
        known = {row["permission"]: row["purpose"] for row in csv.DictReader(file) if row["login_flavour"] == flavour}
    assert known.keys() == {*asked_scopes(flavour), *UNASKED[flavour]}
    assert all(known.values())
    assert {needed_scope(flavour, path) for path in PATHS[flavour]} <= set(asked_scopes(flavour))


def test_what_is_lacking_is_named_and_an_optional_permission_never_is() -> None:
    assert lacking("facebook", ["instagram_manage_insights"]) == list(ESSENTIAL["facebook"])
    assert lacking("facebook", [*ESSENTIAL["facebook"]]) == []
    assert lacking("instagram", []) == ["instagram_business_basic"]
    assert lacking("instagram", None) == []


def test_a_permission_to_write_that_was_granted_earlier_is_surplus() -> None:
    granted = [*FACEBOOK, "public_profile", "pages_manage_posts", "instagram_content_publish"]
    assert surplus("facebook", granted) == ["instagram_content_publish", "pages_manage_posts"]
    assert surplus("facebook", FACEBOOK) == surplus("instagram", None) == []


@pytest.mark.parametrize(
    ("flavour", "scopes", "tasks", "level"),
    [
        ("facebook", FACEBOOK, ["ANALYZE"], Level.INSIGHTS),
        ("facebook", FACEBOOK, ["PROFILE_PLUS_ANALYZE"], Level.INSIGHTS),
        ("facebook", FACEBOOK, ["CREATE_CONTENT"], Level.CONTENT_ONLY),
        ("facebook", FACEBOOK, [], Level.CONTENT_ONLY),
        ("facebook", FACEBOOK, None, Level.INSIGHTS),
        ("facebook", ESSENTIAL["facebook"], ["ANALYZE"], Level.CONTENT_ONLY),
        ("facebook", ["public_profile"], ["ANALYZE"], Level.VERIFIED_ONLY),
        ("facebook", None, None, Level.INSIGHTS),
        ("instagram", INSTAGRAM, None, Level.INSIGHTS),
        ("instagram", INSTAGRAM, [], Level.INSIGHTS),
        ("instagram", ["instagram_business_basic"], None, Level.CONTENT_ONLY),
        ("instagram", ["instagram_business_manage_insights"], None, Level.VERIFIED_ONLY),
    ],
)
def test_the_level_follows_from_permissions_and_tasks(
    flavour: Flavour, scopes: list[str] | None, tasks: list[str] | None, level: Level
) -> None:
    assert level_of(flavour, scopes, tasks) is level
