"""Pages of a list: cursors that stay good while members come and go, and links with the token in them."""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from storykeep.sandbox import switches
from storykeep.sandbox.errors import bad_parameter
from storykeep.sandbox.view import Params, View

Member = TypeVar("Member")
# A member's place: a list runs from the greatest to the least.
Mark = tuple[float, str]
_DEFAULT_PAGE = 25
_LONGEST_LIMIT = 18  # digits; what is longer is over every limit all the same


def page(
    view: View,
    members: Sequence[Member],
    params: Params,
    *,
    mark: Callable[[Member], Mark],
    render: Callable[[Member], dict[str, Any]],
    links: bool = True,
) -> dict[str, Any]:
    """One page of a list.

    Args:
        members: from the greatest mark to the least.
        params: limit, after, before.
        links: whether the edge gives `next` and `previous`.

    Raises:
        ApiError: a bad limit or cursor, or what `render` raises.
    """
    limit = _limit(params.get("limit"))
    first, last = _window(members, mark, limit, params.get("after"), params.get("before"))
    shown = members[first:last]
    body: dict[str, Any] = {"data": [render(member) for member in shown]}
    if shown:
        cursors = {"before": _cursor(mark(shown[0])), "after": _cursor(mark(shown[-1]))}
        body["paging"] = {"cursors": cursors}
        bare = {"limit": str(limit), "after": None, "before": None}
        if links and last < len(members):
            body["paging"]["next"] = link(view, {**bare, "after": cursors["after"]})
        if links and first > 0:
            body["paging"]["previous"] = link(view, {**bare, "before": cursors["before"]})
    return body


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_PAGE
    digits = text.lstrip("0")
    if not (digits and digits.isascii() and digits.isdecimal()):
        raise bad_parameter("Param limit must be a positive integer")
    return min(int(digits[:_LONGEST_LIMIT]), switches.MAX_PAGE)


def _window(
    members: Sequence[Member], mark: Callable[[Member], Mark], limit: int, after: str | None, before: str | None
) -> tuple[int, int]:
    """Where a page begins and ends; a long list is searched, not walked."""
    first, last = 0, len(members)
    if after is not None:
        place = _place(after)
        first = bisect_left(members, True, key=lambda member: mark(member) < place)
    elif before is not None:
        place = _place(before)
        last = bisect_left(members, True, key=lambda member: mark(member) <= place)
        first = max(0, last - limit)
    return first, min(last, first + limit)


def _cursor(mark: Mark) -> str:
    return base64.urlsafe_b64encode(f"{mark[0]:.0f}:{mark[1]}".encode()).decode()


def _place(cursor: str) -> Mark:
    try:
        number, name = base64.urlsafe_b64decode(cursor.encode()).decode().split(":")
        return float(number), name
    except ValueError:
        raise bad_parameter("Invalid cursors values") from None


def link(view: View, changes: Mapping[str, str | None]) -> str:
    """The call with other parameters, None for those to leave out; the token is in it as Meta has it."""
    call = view.call
    params = {**call.params, "access_token": call.token or "", **changes}
    query = urlencode({name: value for name, value in params.items() if value is not None})
    return f"{view.state.urls[call.host]}/{call.version}/{call.path}?{query}"
