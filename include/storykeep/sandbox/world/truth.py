"""The truth: every story with its exact numbers, and whether the API would have given them at the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.tokens import INSIGHTS_SCOPE, READ_SCOPE, TokenBook
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
    "total_interactions",
    "reposts",
    "taps_forward",
    "taps_back",
    "exits",
    "swipes_forward",
)


def truth(stories: Stories, tokens: TokenBook, at: datetime) -> dict[str, Any]:
    """All stories posted up to a moment; of each the numbers at that moment or at the end of its life."""
    return {"at": _iso(at), "stories": [_row(story, tokens, at) for story in stories.posted_until(at)]}


def _row(story: Story, tokens: TokenBook, at: datetime) -> dict[str, Any]:
    counts, cause = story.numbers(at), unserved_cause(story, tokens)
    return {
        "story_id": story.story_id,
        "ig_user_id": story.account.ig_user_id,
        "username": story.account.username,
        "login_flavour": story.account.flavour,
        "posted_at": _iso(story.posted_at),
        "expires_at": _iso(story.expires_at),
        **{name: counts[name] for name in _COUNTS},
        "served": cause is None,
        "cause": cause,
    }


def unserved_cause(story: Story, tokens: TokenBook) -> str | None:
    """Why the insights could not be read all through the last ten minutes; None if they could. Faults do not count."""
    grant, last_minutes = tokens.latest(story.account), story.expires_at - FINAL_MINUTES
    if grant is None:
        return "not_tracked"
    if grant.is_expired(story.expires_at) or not grant.has_data_access(story.expires_at):
        return "token"
    scopes = READ_SCOPE[story.account.flavour], INSIGHTS_SCOPE[story.account.flavour]
    if not set(scopes) <= set(grant.granted):
        return "permission"
    return "withheld" if story.viewers(last_minutes) < switches.MIN_VIEWERS else None


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
