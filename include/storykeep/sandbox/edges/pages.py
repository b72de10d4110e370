"""`/me/accounts` and Page nodes."""

from __future__ import annotations

from typing import Any

from storykeep.sandbox.edges.profile import ACCOUNT
from storykeep.sandbox.nodes import Node, NodeKind, render
from storykeep.sandbox.paging import page as page_of
from storykeep.sandbox.tokens import READ_SCOPE
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.pages import Page, sees

LIST_SCOPE = "pages_show_list"
_LIST_DEFAULTS = "access_token,category,category_list,name,id,tasks"


def _token(view: View, page: Page) -> str:
    if view.caller.kind == "PAGE":
        return view.caller.token
    return view.state.tokens.issue_page_token(view.caller, page.page_id).token


def _instagram(view: View, page: Page) -> Node | None:
    """The account that is connected, if the caller may know of it."""
    if not page.is_linked or not view.caller.allows(READ_SCOPE["facebook"], view.now):
        return None
    return Node(ACCOUNT, page.account)


_PAGE = NodeKind(
    "Page",
    {
        "facebook": {
            "id": lambda view, page: page.page_id,
            "name": lambda view, page: page.name,
            "access_token": _token,
            "category": lambda view, page: page.category[1],
            "category_list": lambda view, page: [{"id": page.category[0], "name": page.category[1]}],
            "tasks": lambda view, page: list(page.tasks),
            "instagram_business_account": _instagram,
            "connected_instagram_account": _instagram,
        }
    },
    defaults="id,name",
)


def page_node(view: View, page: Page, params: Params) -> dict[str, Any]:
    """One Page, with the asked fields."""
    return render(view, _PAGE, page, params.get("fields"))


def pages_of_person(view: View, _: None, params: Params) -> dict[str, Any]:
    """The Pages of the person to whom the token belongs: none at all without the permission to list them."""
    caller, book = view.caller, view.state.tokens
    pages = view.state.pages.of(caller.account) if caller.holds(LIST_SCOPE, view.now) else ()
    return page_of(
        view,
        [page for page in pages if sees(book, caller, page, view.now)],
        params,
        mark=lambda page: (-page.place, page.page_id),
        render=lambda page: render(view, _PAGE, page, params.get("fields") or _LIST_DEFAULTS),
    )
