"""Which calls there are."""

from __future__ import annotations

from storykeep.sandbox.edges import login, subscriptions
from storykeep.sandbox.edges.account_insights import account_insights
from storykeep.sandbox.edges.dialog import dialog, exchange_instagram_code
from storykeep.sandbox.edges.pages import LIST_SCOPE, page_node, pages_of_person
from storykeep.sandbox.edges.permissions import permissions, withdraw_permission
from storykeep.sandbox.edges.post_insights import child_insights, post_insights
from storykeep.sandbox.edges.posts import child_node, children_of, media_of, post_node, tags_of
from storykeep.sandbox.edges.profile import person, profile
from storykeep.sandbox.edges.stories import stories_of, story_node
from storykeep.sandbox.edges.story_insights import story_insights
from storykeep.sandbox.tokens import INSIGHTS_SCOPE, READ_SCOPE
from storykeep.sandbox.view import Route
from storykeep.sandbox.world.accounts import Account, Flavour
from storykeep.sandbox.world.pages import Page
from storykeep.sandbox.world.posts import Child, Post
from storykeep.sandbox.world.stories import Story

KINDS: dict[type, str] = {
    Account: "{account}",
    Page: "{page}",
    Story: "{story}",
    Post: "{post}",
    Child: "{child}",
}
"""How the table names an object."""

_FACEBOOK: tuple[Flavour, ...] = ("facebook",)
_INSTAGRAM: tuple[Flavour, ...] = ("instagram",)
_PAGE_SCOPE: dict[Flavour, str] = {"facebook": "pages_manage_metadata"}

ROUTES: tuple[Route, ...] = (
    Route("stories", "GET {account}/stories", stories_of, READ_SCOPE),
    Route("node", "GET {story}", story_node, READ_SCOPE),
    Route("insights", "GET {story}/insights", story_insights, INSIGHTS_SCOPE),
    Route("media", "GET {account}/media", media_of, READ_SCOPE),
    Route("tags", "GET {account}/tags", tags_of, READ_SCOPE),
    Route("post", "GET {post}", post_node, READ_SCOPE),
    Route("post_insights", "GET {post}/insights", post_insights, INSIGHTS_SCOPE),
    Route("children", "GET {post}/children", children_of, READ_SCOPE),
    Route("post", "GET {child}", child_node, READ_SCOPE),
    Route("post_insights", "GET {child}/insights", child_insights, INSIGHTS_SCOPE),
    Route("account_insights", "GET {account}/insights", account_insights, INSIGHTS_SCOPE),
    Route("profile", "GET {account}", profile, READ_SCOPE),
    Route("me", "GET me", person, hosts=_FACEBOOK, pool="app"),
    Route("permissions", "GET me/permissions", permissions, hosts=_FACEBOOK, pool="app"),
    Route("permissions", "DELETE me/permissions", withdraw_permission, hosts=_FACEBOOK, pool="app"),
    Route("permissions", "DELETE me/permissions/{name}", withdraw_permission, hosts=_FACEBOOK, pool="app"),
    Route("pages", "GET me/accounts", pages_of_person, hosts=_FACEBOOK, pool="app"),
    Route("page", "GET {page}", page_node, {"facebook": LIST_SCOPE}, hosts=_FACEBOOK, pool="app"),
    *(
        Route("subscriptions", f"{method} {{page}}/subscribed_apps", answer, _PAGE_SCOPE, hosts=_FACEBOOK, pool="app")
        for method, answer in (
            ("GET", subscriptions.subscriptions_of_page),
            ("POST", subscriptions.subscribe_page),
            ("DELETE", subscriptions.unsubscribe_page),
        )
    ),
    *(
        Route("subscriptions", f"{method} {{account}}/subscribed_apps", answer, READ_SCOPE, pool="app")
        for method, answer in (
            ("GET", subscriptions.subscriptions_of_account),
            ("POST", subscriptions.subscribe_account),
            ("DELETE", subscriptions.unsubscribe_account),
        )
    ),
    Route("dialog", "GET dialog/oauth", dialog, hosts=_FACEBOOK, needs_token=False, pool="app"),
    Route("dialog", "GET oauth/authorize", dialog, hosts=_INSTAGRAM, needs_token=False, pool="app"),
    Route(
        "debug_token",
        "GET debug_token",
        login.debug_token,
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
    Route(
        "code",
        "POST oauth/access_token",
        exchange_instagram_code,
        hosts=_INSTAGRAM,
        needs_token=False,
        pool="app",
    ),
    Route("exchange", "GET access_token", login.exchange_instagram, hosts=_INSTAGRAM, needs_token=False, pool="app"),
    Route("refresh", "GET refresh_access_token", login.refresh, hosts=_INSTAGRAM, needs_token=False, pool="app"),
)
