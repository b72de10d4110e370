"""Following a list from page to page, and knowing when to stop."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from storykeep.graph.asks import Ask

MAX_PAGES = 100


def next_page(ask: Ask, body: Any) -> Ask | None:
    """The ask for the page after `body`, or None.

    None at the list's end, and also on a cursor that comes round again, after MAX_PAGES pages, or without
    a usable cursor: then `has_more(body)` is still true and the list is cut short, not complete.
    """
    if not has_more(body):
        return None
    cursor = _cursor(body["paging"])
    seen = ask.cursors or ((ask.params["after"],) if "after" in ask.params else ())
    if cursor is None or cursor in seen or len(seen) + 1 >= MAX_PAGES:
        return None
    return replace(ask, params={**ask.params, "after": cursor}, cursors=(*seen, cursor))


def has_more(body: Any) -> bool:
    """Whether the API says that the list goes on: there is a `next` link and this page is not empty.

    The `after` cursor alone says nothing: the last page has one too.
    """
    if not isinstance(body, Mapping) or not body.get("data"):
        return False
    paging = body.get("paging")
    return isinstance(paging, Mapping) and isinstance(paging.get("next"), str)


def _cursor(paging: Mapping[str, Any]) -> str | None:
    """The next page's cursor. The link itself is never followed: it holds the token, and any host at all."""
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, Mapping) else None
    if isinstance(after, str) and after:
        return after
    try:
        found = parse_qs(urlsplit(paging["next"]).query).get("after", [])
    except ValueError:
        return None
    return found[0] if found else None
