"""`/{ig-user-id}/stories` and story nodes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from storykeep.sandbox import switches
from storykeep.sandbox.calls import Call
from storykeep.sandbox.cdn import Cdn
from storykeep.sandbox.errors import bad_parameter, media_not_found, no_such_object
from storykeep.sandbox.fields import pick
from storykeep.sandbox.stories import Stories, Story
from storykeep.sandbox.world import Account, Flavour

_Getter = Callable[[Story, Cdn, datetime], Any]
_DEFAULT_PAGE = 25


def _media_url(story: Story, cdn: Cdn, now: datetime) -> str | None:
    if not story.has_media:
        return None
    return cdn.link(story.story_id, "mp4" if story.media_type == "VIDEO" else "jpg", now)


def _thumbnail_url(story: Story, cdn: Cdn, now: datetime) -> str | None:
    return cdn.link(story.story_id, "jpg", now) if story.media_type == "VIDEO" else None


_INSTAGRAM_FIELDS: Mapping[str, _Getter] = {
    "id": lambda story, cdn, now: story.story_id,
    "media_type": lambda story, cdn, now: story.media_type,
    "media_product_type": lambda story, cdn, now: "STORY",
    "media_url": _media_url,
    "thumbnail_url": _thumbnail_url,
    "permalink": lambda story, cdn, now: f"https://instagram.com/stories/{story.account.username}/{story.ig_id}",
    "shortcode": lambda story, cdn, now: story.shortcode,
    "timestamp": lambda story, cdn, now: f"{story.posted_at:%Y-%m-%dT%H:%M:%S}+0000",
    "caption": lambda story, cdn, now: story.caption,
    "username": lambda story, cdn, now: story.account.username,
    "owner": lambda story, cdn, now: {"id": story.account.ig_user_id},
    "like_count": lambda story, cdn, now: 0,
    "comments_count": lambda story, cdn, now: 0,
    "is_comment_enabled": lambda story, cdn, now: False,
    "is_ai_generated": lambda story, cdn, now: False,
    "alt_text": lambda story, cdn, now: None,
}
_FIELDS: Mapping[Flavour, Mapping[str, _Getter]] = {
    "facebook": {
        **_INSTAGRAM_FIELDS,
        "ig_id": lambda story, cdn, now: story.ig_id,
        "legacy_instagram_media_id": lambda story, cdn, now: None,
    },
    "instagram": _INSTAGRAM_FIELDS,
}


def story_node(story: Story, fields: str | None, host: Flavour, cdn: Cdn, now: datetime) -> dict[str, Any]:
    """One story, with the asked fields."""
    return pick(fields, _FIELDS[host], "Media", story, cdn, now)


def find_story(stories: Stories, story_id: str, reader: Account, now: datetime) -> Story:
    """A story that the reader owns and that has not expired, unless the switch keeps expired ones readable.

    Raises:
        ApiError: there is none, or it is someone else's, or its life is over.
    """
    story = stories.find(story_id)
    if story is None or story.account.number != reader.number or now < story.posted_at:
        raise no_such_object(story_id)
    if now < story.expires_at or switches.EXPIRED_STORY == "readable":
        return story
    raise media_not_found() if switches.EXPIRED_STORY == "not_found" else no_such_object(story_id)


def story_page(call: Call, base_url: str, stories: list[Story], cdn: Cdn, now: datetime) -> dict[str, Any]:
    """One page of the live stories, newest first; cursors stay good while stories come and go.

    Raises:
        ApiError: a bad limit, cursor or field.
    """
    limit = _limit(call.params.get("limit"))
    page, has_newer, has_older = _window(stories, limit, call.params.get("after"), call.params.get("before"))
    body: dict[str, Any] = {
        "data": [story_node(story, call.params.get("fields"), call.host, cdn, now) for story in page]
    }
    if page:
        cursors = {"before": _cursor(page[0]), "after": _cursor(page[-1])}
        body["paging"] = {"cursors": cursors}
        if has_older:
            body["paging"]["next"] = _page_url(call, base_url, limit, "after", cursors["after"])
        if has_newer:
            body["paging"]["previous"] = _page_url(call, base_url, limit, "before", cursors["before"])
    return body


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_PAGE
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise bad_parameter("Param limit must be a positive integer")
    return min(int(text), switches.MAX_PAGE)


def _window(stories: list[Story], limit: int, after: str | None, before: str | None) -> tuple[list[Story], bool, bool]:
    """The stories of a page, whether newer ones come before it and older ones after it."""
    first, last = 0, len(stories)
    if after is not None:
        mark = _place(after)
        first = sum((story.posted_at.timestamp(), story.story_id) >= mark for story in stories)
    elif before is not None:
        mark = _place(before)
        last = sum((story.posted_at.timestamp(), story.story_id) > mark for story in stories)
        first = max(0, last - limit)
    last = min(last, first + limit)
    return stories[first:last], first > 0, last < len(stories)


def _cursor(story: Story) -> str:
    return base64.urlsafe_b64encode(f"{int(story.posted_at.timestamp())}:{story.story_id}".encode()).decode()


def _place(cursor: str) -> tuple[float, str]:
    try:
        posted, story_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(":")
        return float(posted), story_id
    except ValueError:
        raise bad_parameter("Invalid cursors values") from None


def _page_url(call: Call, base_url: str, limit: int, direction: str, cursor: str) -> str:
    """A page link, with the token in it as Meta has it."""
    params = {name: value for name, value in call.params.items() if name not in ("after", "before", "limit")}
    params |= {"access_token": call.token or "", "limit": str(limit), direction: cursor}
    return f"{base_url}/{call.version}/{call.path}?{urlencode(params)}"
