"""The truth: every story with its exact numbers, and whether the API would have given them at the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.tokens import INSIGHTS_SCOPE, READ_SCOPE, Grant, TokenBook
from storykeep.sandbox.world.stories import Stories, Story

FINAL_MINUTES = timedelta(minutes=10)
_COUNTS = (
    "viewers",
    "views",
    "reach",
    "replies",
    "shares",
    "follows",
    "profile_visits",
    "profile_activity",
    "link_clicks",
    "facebook_views",
    "total_interactions",
    "reposts",
    "taps_forward",
    "taps_back",
    "exits",
    "swipes_forward",
)


def truth(stories: Stories, tokens: TokenBook, at: datetime) -> dict[str, Any]:
    """All stories posted up to a moment, each made when its turn comes, with its numbers then or at its life's end.

    `facebook_views` is null for a story that was not shared to Facebook.
    """
    return {"at": _iso(at), "stories": (_row(story, tokens, at) for story in stories.posted_until(at))}


def _row(story: Story, tokens: TokenBook, at: datetime) -> dict[str, Any]:
    counts, cause = story.numbers(at), unserved_cause(story, tokens)
    return {
        "story_id": story.story_id,
        "ig_user_id": story.account.ig_user_id,
        "username": story.account.username,
        "login_flavour": story.account.flavour,
        "posted_at": _iso(story.posted_at),
        "expires_at": _iso(story.expires_at),
        **{name: counts.get(name) for name in _COUNTS},
        "served": cause is None,
        "cause": cause,
    }


def unserved_cause(story: Story, tokens: TokenBook) -> str | None:
    """Why the insights could not be read all through the last ten minutes; None if they could. Faults do not count."""
    last_minutes = story.expires_at - FINAL_MINUTES
    causes = [
        _hindrance(grant, story.expires_at) for grant in tokens.grants(story.account) if grant.issued_at <= last_minutes
    ]
    if not causes:
        return "not_tracked"
    if None not in causes:
        return causes[-1]
    return "withheld" if story.viewers(last_minutes) < switches.MIN_VIEWERS else None


def _hindrance(grant: Grant, until: datetime) -> str | None:
    """What keeps a token from reading insights at some time up to a moment."""
    if grant.is_expired(until) or grant.is_ended(until) or not grant.has_data_access(until):
        return "token"
    flavour = grant.account.flavour
    if all(grant.holds(scope, until) for scope in (READ_SCOPE[flavour], INSIGHTS_SCOPE[flavour])):
        return None
    return "permission"


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
