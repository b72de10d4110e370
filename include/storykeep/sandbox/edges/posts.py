"""`/{ig-user-id}/media`, `/{ig-user-id}/tags`, posts, and the parts of albums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from storykeep.sandbox.edges.times import read_time, wire_time
from storykeep.sandbox.errors import no_such_object
from storykeep.sandbox.nodes import Getter, NodeKind, absent, render
from storykeep.sandbox.paging import page
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account
from storykeep.sandbox.world.ids import fraction
from storykeep.sandbox.world.posts import Child, Post


def media_of(view: View, account: Account, params: Params) -> dict[str, Any]:
    """One page of an account's posts and reels, newest first.

    Raises:
        ApiError: `since` or `until` is no time, or what a page raises.
    """
    posts = view.state.posts.listed(account, view.now, read_time(params, "since"), read_time(params, "until"))
    return page(view, posts, params, mark=_mark, render=lambda post: post_node(view, post, params))


def tags_of(view: View, account: Account, params: Params) -> dict[str, Any]:
    """One page of the posts of others that tag an account; it has cursors and no links."""
    posts = view.state.posts.tagging(account, view.now)
    return page(view, posts, params, mark=_mark, render=lambda post: post_node(view, post, params), links=False)


def children_of(view: View, post: Post, params: Params) -> dict[str, Any]:
    """The parts of an album; other posts have none."""
    return {"data": [child_node(view, child, params) for child in post.children]}


def post_node(view: View, post: Post, params: Params) -> dict[str, Any]:
    """One post, with the asked fields."""
    return render(view, POST, post, params.get("fields"))


def child_node(view: View, child: Child, params: Params) -> dict[str, Any]:
    """One part of an album, with the asked fields."""
    return render(view, CHILD, child, params.get("fields"))


def is_own(view: View, media: Post | Child) -> bool:
    """Whether the media is the caller's."""
    return media.account.number == view.caller.account.number


def check_posted(media: Post | Child, now: datetime) -> None:
    """Refuse what is not posted yet.

    Raises:
        ApiError: it is still to come.
    """
    if now < media.posted_at:
        raise no_such_object(media.media_id)


def _mark(post: Post) -> tuple[float, str]:
    return post.posted_at.timestamp(), post.media_id


def _media_url(view: View, media: Post | Child) -> str | None:
    if isinstance(media, Post) and not media.has_media:
        return None
    return view.state.cdn.link(media.media_id, "mp4" if media.media_type == "VIDEO" else "jpg", view.now)


def _thumbnail_url(view: View, media: Post | Child) -> str | None:
    return view.state.cdn.link(media.media_id, "jpg", view.now) if media.media_type == "VIDEO" else None


def _permalink(view: View, media: Post | Child) -> str:
    folder = "reel" if isinstance(media, Post) and media.product == "REELS" else "p"
    return f"https://www.instagram.com/{folder}/{media.shortcode}/"


def _of_reel(getter: Callable[[Post], Any]) -> Getter:
    return lambda view, post: getter(post) if post.product == "REELS" else None


def _count(name: str) -> Getter:
    """A count that is left out where the owner hides the counts."""
    return lambda view, post: None if post.hides_counts else post.numbers(view.now)[name]


def _like_count(view: View, post: Post) -> int | None:
    """Of hidden counts the owner alone sees this one."""
    return None if post.hides_counts and not is_own(view, post) else post.numbers(view.now)["likes"]


def _total_views(view: View, post: Post) -> int | None:
    counts = post.numbers(view.now)
    return None if post.hides_counts else counts["views"] + counts.get("facebook_views", 0)


def _audio(view: View, media: Post | Child) -> str | None:
    if media.media_type != "VIDEO":
        return None
    return "MUSIC" if fraction("audio", media.media_id) < 0.5 else "ORIGINAL_SOUND"


_BOTH: Mapping[str, Getter] = {
    "id": lambda view, media: media.media_id,
    "media_type": lambda view, media: media.media_type,
    "media_url": _media_url,
    "thumbnail_url": _thumbnail_url,
    "permalink": _permalink,
    "shortcode": lambda view, media: media.shortcode,
    "timestamp": lambda view, media: wire_time(media.posted_at),
    "username": lambda view, media: media.account.username,
    "owner": lambda view, media: {"id": media.account.ig_user_id} if is_own(view, media) else None,
}
_ON_FACEBOOK_HOST: Mapping[str, Getter] = {
    "ig_id": lambda view, media: media.ig_id,
    "media_audio_type": _audio,
    **absent("legacy_instagram_media_id", "view_count"),
}
_POST_ON_BOTH: Mapping[str, Getter] = {
    **_BOTH,
    "media_product_type": lambda view, post: post.product,
    "caption": lambda view, post: post.caption,
    "like_count": _like_count,
    "comments_count": lambda view, post: post.numbers(view.now)["comments"],
    "is_comment_enabled": lambda view, post: True,
    "is_shared_to_feed": _of_reel(lambda post: fraction("feed", post.media_id) < 0.8),
    "is_ai_generated": lambda view, post: False,
    "alt_text": lambda view, post: "A picture of the day" if post.has_alt_text else None,
    **absent("current_live_viewer_count"),
}
POST = NodeKind(
    "Media",
    {
        "facebook": {
            **_POST_ON_BOTH,
            **_ON_FACEBOOK_HOST,
            "reposts_count": _count("reposts"),
            "saved_count": _count("saved"),
            "shares_count": _count("shares"),
            "total_like_count": _count("likes"),
            "total_comments_count": _count("comments"),
            "total_views_count": _total_views,
            "copyright_check_information": lambda view, post: {"status": "completed" if post.has_media else "found"},
            "boost_eligibility_info": lambda view, post: {"eligible_to_boost": True},
            "boost_ads_list": lambda view, post: {"data": []},
        },
        "instagram": _POST_ON_BOTH,
    },
)
CHILD = NodeKind(
    "Media",
    {
        "facebook": {**absent(*POST.getters["facebook"]), **_BOTH, **_ON_FACEBOOK_HOST},
        "instagram": {**absent(*POST.getters["instagram"]), **_BOTH},
    },
)
