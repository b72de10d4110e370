"""Which calls there are."""

from __future__ import annotations

from storykeep.sandbox.edges import login
from storykeep.sandbox.edges.profile import person, profile
from storykeep.sandbox.edges.stories import stories_of, story_node
from storykeep.sandbox.edges.story_insights import story_insights
from storykeep.sandbox.tokens import INSIGHTS_SCOPE, READ_SCOPE
from storykeep.sandbox.view import Route
from storykeep.sandbox.world.accounts import Account, Flavour
from storykeep.sandbox.world.stories import Story

KINDS: dict[type, str] = {Account: "{account}", Story: "{story}"}
"""How the table names an object."""

_FACEBOOK: tuple[Flavour, ...] = ("facebook",)
_INSTAGRAM: tuple[Flavour, ...] = ("instagram",)

ROUTES: tuple[Route, ...] = (
    Route("stories", "GET {account}/stories", stories_of, READ_SCOPE),
    Route("node", "GET {story}", story_node, READ_SCOPE),
    Route("insights", "GET {story}/insights", story_insights, INSIGHTS_SCOPE),
    Route("profile", "GET {account}", profile, READ_SCOPE),
    Route("me", "GET me", person, hosts=_FACEBOOK, pool="app"),
    Route("permissions", "GET me/permissions", login.permissions, hosts=_FACEBOOK, pool="app"),
    Route(
        "debug_token",
        "GET debug_token",
        login.debug_token,
        hosts=_FACEBOOK,
        needs_token=False,
        about="input_token",
        pool="app",
    ),
    *(
        Route(
            "exchange",
            f"{method} oauth/access_token",
            login.exchange,
            hosts=_FACEBOOK,
            needs_token=False,
            about="fb_exchange_token",
            pool="app",
        )
        for method in ("GET", "POST")
    ),
    Route("refresh", "GET refresh_access_token", login.refresh, hosts=_INSTAGRAM, needs_token=False, pool="app"),
)
