"""`/me/permissions`: what the person granted, and its withdrawal."""

from __future__ import annotations

from typing import Any

from storykeep.sandbox.errors import bad_parameter
from storykeep.sandbox.tokens import End, Grant
from storykeep.sandbox.view import Params, View


def permissions(view: View, _: None, params: Params) -> dict[str, Any]:
    """The permissions and their status; those on Instagram data expire with the data access."""
    grant = view.caller
    asked = dict.fromkeys((*grant.granted, *grant.declined))
    rows = [{"permission": scope, "status": _status(grant, scope, view)} for scope in asked]
    return {"data": [row for row in rows if all(params.get(name) in (None, row[name]) for name in row)]}


def _status(grant: Grant, scope: str, view: View) -> str:
    if not grant.holds(scope, view.now):
        return "declined"
    return "granted" if grant.allows(scope, view.now) else "expired"


def withdraw_permission(view: View, _: None, params: Params) -> dict[str, Any]:
    """Take back the permission that the path or the parameter names, or all of them: then the app is out.

    Raises:
        ApiError: a permission that was not granted.
    """
    caller, named = view.caller, params.get("permission")
    if len(view.call.segments) > 2:
        named = view.call.segments[2]
    if named is None:
        end = End("revoked", view.now)
    elif caller.holds(named, view.now):
        end = End("permissions_withdrawn", view.now, (named,))
    else:
        raise bad_parameter(f"Permission {named} was not granted")
    view.state.tokens.end(caller.account, end)
    return {"success": True}
