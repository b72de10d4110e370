"""What can be asked of accounts and media: one function for each resource."""

from collections.abc import Hashable
from datetime import datetime, timedelta
from urllib.parse import quote

from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.graph.asks import Ask
from storykeep.graph.fields import PROFILE_FIELDS, STORY_FIELDS, TAGGED_FIELDS, media_fields
from storykeep.graph.metrics import AccountGroup, MetricGroup, Product
from storykeep.graph.paging import next_page as next_page
from storykeep.graph.paging import smaller as smaller
from storykeep.settings import Flavour

PAGE_SIZE = "100"
LONGEST_RANGE = timedelta(days=30)


def stories(ig_user_id: str, token: SecretStr, *, key: Hashable) -> Ask:
    """The first page of an account's live stories (younger than 24 h), newest first."""
    return Ask(key, token, f"{_id(ig_user_id)}/stories", _page(STORY_FIELDS), ig_user_id)


def story(story_id: str, token: SecretStr, *, pool: str, key: Hashable) -> Ask:
    """One story's node: the way to a fresh media link."""
    return Ask(key, token, _id(story_id), {"fields": STORY_FIELDS}, pool)


def media(
    ig_user_id: str,
    token: SecretStr,
    flavour: Flavour,
    *,
    key: Hashable,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Ask:
    """The first page of an account's posts and reels, newest first, at most its newest 10,000; no stories."""
    params = _page(media_fields("FEED", flavour)) | _range(since, until)
    return Ask(key, token, f"{_id(ig_user_id)}/media", params, ig_user_id)


def media_node(media_id: str, token: SecretStr, product: Product, flavour: Flavour, *, pool: str, key: Hashable) -> Ask:
    """One media's node, with the fields that its product has at this host."""
    return Ask(key, token, _id(media_id), {"fields": media_fields(product, flavour)}, pool)


def tags(ig_user_id: str, token: SecretStr, *, key: Hashable) -> Ask:
    """The first page of the media in which the account is tagged. This edge sends cursors but never a link."""
    return Ask(key, token, f"{_id(ig_user_id)}/tags", _page(TAGGED_FIELDS), ig_user_id, by_hand=True)


def insights(media_id: str, token: SecretStr, group: MetricGroup, *, pool: str, key: Hashable) -> Ask:
    """One media's lifetime numbers for one metric group."""
    params = {"metric": ",".join(group.metrics)} | ({"breakdown": group.breakdown} if group.breakdown else {})
    return Ask(key, token, f"{_id(media_id)}/insights", params, pool)


def account_insights(
    ig_user_id: str,
    token: SecretStr,
    group: AccountGroup,
    *,
    key: Hashable,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Ask:
    """One account's numbers for one metric group, between two moments or over the last 24 h.

    Raises StorykeepError for a range that the API refuses: only one end, backwards, or more than 30 days.
    """
    _check_range(since, until)
    optional = {"metric_type": group.metric_type, "breakdown": group.breakdown, "timeframe": group.timeframe}
    params = {"metric": ",".join(group.metrics), "period": group.period, **_range(since, until)}
    params |= {name: value for name, value in optional.items() if value}
    return Ask(key, token, f"{_id(ig_user_id)}/insights", params, ig_user_id)


def profile(ig_user_id: str, token: SecretStr, flavour: Flavour, *, key: Hashable) -> Ask:
    """An account's own node: its names and counts."""
    return Ask(key, token, _id(ig_user_id), {"fields": PROFILE_FIELDS[flavour]}, ig_user_id)


def _page(fields: str) -> dict[str, str]:
    return {"fields": fields, "limit": PAGE_SIZE}


def _id(text: str) -> str:
    """An id as one segment of a path, whatever it holds."""
    return quote(text, safe="")


def _range(since: datetime | None, until: datetime | None) -> dict[str, str]:
    """The bounds that are set, in Unix seconds."""
    return {name: str(int(at.timestamp())) for name, at in (("since", since), ("until", until)) if at is not None}


def _check_range(since: datetime | None, until: datetime | None) -> None:
    if since is None and until is None:
        return
    if since is None or until is None or not timedelta(0) < until - since <= LONGEST_RANGE:
        raise StorykeepError(
            f"account insights cannot be asked from {since} to {until}",
            where="storykeep.graph",
            remedy=f"ask for both ends, the earlier one first, at most {LONGEST_RANGE.days} days apart",
        )
