"""`/{ig-user-id}/stories` and story nodes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.errors import media_not_found, no_such_object
from storykeep.sandbox.nodes import Getter, NodeKind, render
from storykeep.sandbox.paging import page
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account
from storykeep.sandbox.world.stories import Story


def _media_url(view: View, story: Story) -> str | None:
    if not story.has_media:
        return None
    return view.state.cdn.link(story.story_id, "mp4" if story.media_type == "VIDEO" else "jpg", view.now)


def _thumbnail_url(view: View, story: Story) -> str | None:
    return view.state.cdn.link(story.story_id, "jpg", view.now) if story.media_type == "VIDEO" else None


_INSTAGRAM: Mapping[str, Getter] = {
    "id": lambda view, story: story.story_id,
    "media_type": lambda view, story: story.media_type,
    "media_product_type": lambda view, story: "STORY",
    "media_url": _media_url,
    "thumbnail_url": _thumbnail_url,
    "permalink": lambda view, story: f"https://instagram.com/stories/{story.account.username}/{story.ig_id}",
    "shortcode": lambda view, story: story.shortcode,
    "timestamp": lambda view, story: f"{story.posted_at:%Y-%m-%dT%H:%M:%S}+0000",
    "caption": lambda view, story: story.caption,
    "username": lambda view, story: story.account.username,
    "owner": lambda view, story: {"id": story.account.ig_user_id},
    "like_count": lambda view, story: 0,
    "comments_count": lambda view, story: 0,
    "is_comment_enabled": lambda view, story: False,
    "is_ai_generated": lambda view, story: False,
    "alt_text": lambda view, story: None,
}
STORY = NodeKind(
    "Media",
    {
        "facebook": {
            **_INSTAGRAM,
            "ig_id": lambda view, story: story.ig_id,
            "legacy_instagram_media_id": lambda view, story: None,
        },
        "instagram": _INSTAGRAM,
    },
)


def story_node(view: View, story: Story, params: Params) -> dict[str, Any]:
    """One story, with the asked fields."""
    return render(view, STORY, story, params.get("fields"))


def stories_of(view: View, account: Account, params: Params) -> dict[str, Any]:
    """One page of an account's live stories, newest first."""
    return page(
        view,
        view.state.stories.live(account, view.now),
        params,
        mark=lambda story: (story.posted_at.timestamp(), story.story_id),
        render=lambda story: story_node(view, story, params),
    )


def check_in_sight(story: Story, now: datetime) -> None:
    """Refuse a story that is not posted yet or has expired, unless the switch keeps expired ones readable.

    Raises:
        ApiError: it is out of sight.
    """
    if now < story.posted_at:
        raise no_such_object(story.story_id)
    if now >= story.expires_at and switches.EXPIRED_STORY != "readable":
        raise media_not_found() if switches.EXPIRED_STORY == "not_found" else no_such_object(story.story_id)
