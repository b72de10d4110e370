"""What can be asked: one function for each resource, with its fields."""

from collections.abc import Hashable
from urllib.parse import quote

from pydantic import SecretStr

from storykeep.graph.asks import Ask
from storykeep.graph.metrics import MetricGroup
from storykeep.graph.paging import next_page as next_page
from storykeep.settings import Flavour

# Fields that both hosts know, as one unknown field fails the call. ig_id is facebook's alone; the permalink ends in it.
STORY_FIELDS = (
    "id,media_type,media_product_type,media_url,thumbnail_url,permalink,shortcode,timestamp,caption,"
    "username,owner,like_count,comments_count"
)
PAGE_SIZE = "100"

_SCOPES: dict[Flavour, tuple[str, str]] = {
    "facebook": ("instagram_basic", "instagram_manage_insights"),
    "instagram": ("instagram_business_basic", "instagram_business_manage_insights"),
}


def stories(ig_user_id: str, token: SecretStr, *, key: Hashable, after: str | None = None) -> Ask:
    """A page of an account's live stories (younger than 24 h), newest first."""
    params = {"fields": STORY_FIELDS, "limit": PAGE_SIZE} | ({"after": after} if after else {})
    return Ask(key, token, f"{quote(ig_user_id, safe='')}/stories", params, pool=ig_user_id)


def story(story_id: str, token: SecretStr, *, pool: str, key: Hashable) -> Ask:
    """One story's node: the way to a fresh media link."""
    return Ask(key, token, quote(story_id, safe=""), {"fields": STORY_FIELDS}, pool)


def insights(media_id: str, token: SecretStr, group: MetricGroup, *, pool: str, key: Hashable) -> Ask:
    """One media's lifetime numbers for one metric group."""
    params = {"metric": ",".join(group.metrics)} | ({"breakdown": group.breakdown} if group.breakdown else {})
    return Ask(key, token, f"{quote(media_id, safe='')}/insights", params, pool)


def needed_scope(flavour: Flavour, path: str) -> str:
    """The permission without which the API refuses this path."""
    basic, for_insights = _SCOPES[flavour]
    return for_insights if path.endswith("/insights") else basic
