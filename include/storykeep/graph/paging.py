"""Following a list from page to page, and knowing when to stop."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from storykeep.graph.asks import Answer, Ask
from storykeep.graph.errors import UnreadableError

MAX_PAGES = 100
SMALL_PAGE = "25"


def next_page(ask: Ask, body: Any) -> Ask | None:
    """The ask for the page after `body`, or None.

    None at the list's end, and also on a cursor that comes round again, after MAX_PAGES pages, or without
    a usable cursor: then `has_more` is still true and the list is cut short, not complete.
    """
    if not has_more(body, by_hand=ask.by_hand):
        return None
    cursor = _cursor(body["paging"])
    seen = ask.cursors or ((ask.params["after"],) if "after" in ask.params else ())
    if cursor is None or cursor in seen or len(seen) + 1 >= MAX_PAGES:
        return None
    return replace(ask, params={**ask.params, "after": cursor}, cursors=(*seen, cursor))


def smaller(ask: Ask) -> Ask | None:
    """The same page of a list with fewer rows, for when the API finds it too much; None when there is none."""
    if ask.params.get("limit") in (None, SMALL_PAGE):
        return None
    return replace(ask, params={**ask.params, "limit": SMALL_PAGE})


def has_more(body: Any, *, by_hand: bool = False) -> bool:
    """Whether the API says that the list goes on: there is a `next` link and this page is not empty.

    The `after` cursor alone says nothing: the last page has one too. Only where a list is paged `by_hand`,
    as its edge sends no links, the cursor is the sign that it goes on.
    """
    if not isinstance(body, Mapping) or not body.get("data"):
        return False
    paging = body.get("paging")
    if not isinstance(paging, Mapping):
        return False
    return isinstance(paging.get("next"), str) or (by_hand and bool(_after(paging)))


def walk(get: Callable[[Ask], Answer], first: Ask) -> list[Any]:
    """The rows of a whole list, asked page by page.

    Raises GraphError: what the API says to any page, UnreadableError when the list has no rows or cannot be
    followed to its end, as a part of a list would pass for the whole.
    """
    rows: list[Any] = []
    ask: Ask | None = first
    while ask is not None:
        answer = get(ask)
        if answer.error is not None:
            raise answer.error
        rows += _rows(answer)
        ask = next_page(answer.ask, answer.body)
        if ask is None and has_more(answer.body, by_hand=first.by_hand):
            raise UnreadableError("the list goes on, but its pages lead nowhere new", raw=answer.raw)
    return rows


def _rows(answer: Answer) -> list[Any]:
    rows = answer.body.get("data") if isinstance(answer.body, Mapping) else None
    if not isinstance(rows, list):
        raise UnreadableError("the reply has no list 'data'", raw=answer.raw)
    return rows


def _cursor(paging: Mapping[str, Any]) -> str | None:
    """The next page's cursor, if it can be sent.

    The link itself is never followed: it holds the token, and any host at all.
    """
    cursor = _after(paging) or _linked(paging.get("next"))
    return cursor if cursor and cursor.isprintable() else None


def _after(paging: Mapping[str, Any]) -> str | None:
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, Mapping) else None
    return after if isinstance(after, str) else None


def _linked(link: Any) -> str | None:
    try:
        found = parse_qs(urlsplit(link).query).get("after") if isinstance(link, str) else None
    except ValueError:
        return None
    return found[0] if found else None
