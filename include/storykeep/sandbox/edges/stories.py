"""`/{ig-user-id}/stories` and story nodes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.edges.times import wire_time
from storykeep.sandbox.errors import media_not_found, no_such_object
from storykeep.sandbox.nodes import Getter, NodeKind, absent, render
from storykeep.sandbox.paging import page
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account
from storykeep.sandbox.world.ids import fraction
from storykeep.sandbox.world.stories import Story

_SHARE_WITHOUT_AFTER = 0.04


def _media_url(view: View, story: Story) -> str | None:
    if not story.has_media:
        return None
    return view.state.cdn.link(story.story_id, "mp4" if story.media_type == "VIDEO" else "jpg", view.now)


def _thumbnail_url(view: View, story: Story) -> str | None:
    return view.state.cdn.link(story.story_id, "jpg", view.now) if story.has_thumbnail else None


def _permalink(view: View, story: Story) -> str:
    return f"https://{switches.STORY_PERMALINK_HOST}/stories/{story.account.username}/{story.ig_id}"


def _caption(view: View, story: Story) -> str | None:
    if story.caption and switches.STRIP_MENTIONS and view.call.host == "facebook":
        return story.caption.replace("@", "")
    return story.caption


_INSTAGRAM: Mapping[str, Getter] = {
    "id": lambda view, story: story.story_id,
    "media_type": lambda view, story: story.media_type,
    "media_product_type": lambda view, story: "STORY",
    "media_url": _media_url,
    "thumbnail_url": _thumbnail_url,
    "permalink": _permalink,
    "shortcode": lambda view, story: story.shortcode,
    "timestamp": lambda view, story: wire_time(story.posted_at),
    "caption": _caption,
    "username": lambda view, story: story.account.username,
    "owner": lambda view, story: {"id": story.account.ig_user_id},
    "like_count": lambda view, story: 0,
    "comments_count": lambda view, story: 0,
    "is_comment_enabled": lambda view, story: False,
    "is_ai_generated": lambda view, story: False,
    **absent("alt_text", "is_shared_to_feed", "current_live_viewer_count"),
}
STORY = NodeKind(
    "Media",
    {
        "facebook": {
            **_INSTAGRAM,
            "ig_id": lambda view, story: story.ig_id,
            **absent(
                "legacy_instagram_media_id",
                "view_count",
                "reposts_count",
                "saved_count",
                "shares_count",
                "total_like_count",
                "total_comments_count",
                "total_views_count",
                "media_audio_type",
                "copyright_check_information",
                "boost_eligibility_info",
                "boost_ads_list",
            ),
        },
        "instagram": _INSTAGRAM,
    },
)


def story_node(view: View, story: Story, params: Params) -> dict[str, Any]:
    """One story, with the asked fields."""
    return render(view, STORY, story, params.get("fields"))


def stories_of(view: View, account: Account, params: Params) -> dict[str, Any]:
    """One page of an account's live stories, newest first."""
    body = page(
        view,
        view.state.stories.live(account, view.now),
        params,
        mark=lambda story: (story.posted_at.timestamp(), story.story_id),
        render=lambda story: story_node(view, story, params),
    )
    if _lacks_after(body):
        del body["paging"]["cursors"]["after"]
    return body


def _lacks_after(body: Mapping[str, Any]) -> bool:
    """Few lists that fit on one page come with `before` as their only cursor."""
    paging = body.get("paging", {})
    is_whole = "cursors" in paging and "next" not in paging and "previous" not in paging
    return is_whole and fraction("cursors", body["data"][0]["id"]) < _SHARE_WITHOUT_AFTER


def check_in_sight(story: Story, now: datetime) -> None:
    """Refuse a story that is not posted yet or has expired, unless the switch keeps expired ones readable.

    Raises:
        ApiError: it is out of sight.
    """
    if now < story.posted_at:
        raise no_such_object(story.story_id)
    if now >= story.expires_at and switches.EXPIRED_STORY != "readable":
        raise media_not_found() if switches.EXPIRED_STORY == "not_found" else no_such_object(story.story_id)
