"""Token endpoints: `debug_token`, exchange, refresh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.edges.callers import (
    authenticate,
    check_app,
    check_caller,
    check_proof,
    check_scope,
    live_grant,
    why_dead,
)
from storykeep.sandbox.edges.dialog import exchange_code
from storykeep.sandbox.errors import ApiError, bad_parameter, refreshed_too_early, token_malformed, unknown_path
from storykeep.sandbox.tokens import READ_SCOPE, REFRESH_AGE, Grant, of_instagram
from storykeep.sandbox.view import Params, View


def debug_token(view: View, _: None, params: Params) -> dict[str, Any]:
    """What a token is; a dead one is described, not refused.

    Raises:
        ApiError: the calling token is bad, input_token is missing, or the host has no such call.
    """
    call, book = view.call, view.state.tokens
    if call.host == "instagram" and not switches.DEBUG_TOKEN_ON_INSTAGRAM:
        authenticate(book, call.host, call.token, params.get("appsecret_proof"), view.now)
        raise unknown_path(call.path)
    check_caller(book, call.host, call.token, params.get("appsecret_proof"), view.now)
    if not params.get("input_token"):
        raise bad_parameter("The parameter input_token is required")
    grant = book.find(params["input_token"])
    if grant is None or grant.account.flavour != call.host:
        return {"data": {"error": _error(token_malformed(call.host)), "is_valid": False, "scopes": []}}
    return {"data": _describe(view, grant)}


def _describe(view: View, grant: Grant) -> dict[str, Any]:
    account, scopes, dead = grant.account, grant.scopes(view.now), why_dead(grant, view.now)
    data: dict[str, Any] = {
        "app_id": view.state.tokens.apps[account.flavour].id,
        "type": grant.kind,
        "application": "Storykeep",
        "data_access_expires_at": _unix(grant.data_access_expires_at),
        "expires_at": _unix(grant.expires_at),
        "is_valid": dead is None,
        "issued_at": _unix(grant.issued_at),
        "scopes": list(scopes),
        "granular_scopes": [_granular(view, grant, scope) for scope in scopes],
        "user_id": account.user_id,
    }
    if grant.kind == "PAGE":
        data["profile_id"] = grant.page_id
    if dead is not None:
        data["error"] = _error(dead)
    return data


def _granular(view: View, grant: Grant, scope: str) -> Mapping[str, Any]:
    """What a permission was granted for; without targets it is everything."""
    if of_instagram(scope):
        return {"scope": scope, "target_ids": [grant.account.ig_user_id]}
    if scope.startswith("pages_"):
        return {"scope": scope, "target_ids": [page.page_id for page in view.state.pages.of(grant.account)]}
    return {"scope": scope}


def _error(error: ApiError) -> dict[str, Any]:
    parts = {"code": error.code, "message": error.message, "subcode": error.subcode}
    return {name: value for name, value in parts.items() if value is not None}


def _unix(at: datetime | None) -> int:
    return int(at.timestamp()) if at is not None else 0


def exchange(view: View, _: None, params: Params) -> dict[str, Any]:
    """A facebook token: short-lived for a code, long-lived for a live one.

    Raises:
        ApiError: another grant type, wrong app credentials, or a code or a token that is not taken.
    """
    if "code" in params:
        return _answer(exchange_code(view, params), view.now)
    if params.get("grant_type") != "fb_exchange_token":
        raise bad_parameter("Missing or unsupported grant_type")
    book, now = view.state.tokens, view.now
    check_app(book.apps["facebook"], params.get("client_id"), params.get("client_secret"))
    grant = live_grant(book, "facebook", params.get("fb_exchange_token"), now)
    if grant.kind == "PAGE":
        raise bad_parameter("The access token does not belong to a user")
    return _answer(book.renew(grant, now), now)


def exchange_instagram(view: View, _: None, params: Params) -> dict[str, Any]:
    """A long-lived instagram token for a short-lived one that is alive.

    Raises:
        ApiError: another grant type, a wrong secret, or a token that is dead or long-lived already.
    """
    if params.get("grant_type") != "ig_exchange_token":
        raise bad_parameter("Missing or unsupported grant_type")
    book, now = view.state.tokens, view.now
    app = book.apps["instagram"]
    check_app(app, app.id, params.get("client_secret"))
    grant = live_grant(book, "instagram", view.call.token, now)
    check_proof(app, "instagram", grant.token, params.get("appsecret_proof"))
    if not grant.is_short:
        raise ApiError(400, 452, "Session key invalid. This could be because the session key has an incorrect format.")
    return _answer(book.renew(grant, now), now)


def refresh(view: View, _: None, params: Params) -> dict[str, Any]:
    """A new long-lived instagram token for a live one that is at least a day old.

    Raises:
        ApiError: another grant type, a dead token, one that is too young, or one that may not read any more.
    """
    if params.get("grant_type") != "ig_refresh_token":
        raise bad_parameter("Missing or unsupported grant_type")
    book, now = view.state.tokens, view.now
    grant = authenticate(book, "instagram", view.call.token, params.get("appsecret_proof"), now)
    check_scope(grant, READ_SCOPE["instagram"], now)
    if now - grant.issued_at < REFRESH_AGE:
        raise refreshed_too_early()
    return {**_answer(book.renew(grant, now), now), "permissions": ",".join(grant.scopes(now))}


def _answer(grant: Grant, now: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {"access_token": grant.token, "token_type": "bearer"}
    if grant.expires_at is not None and switches.EXPIRES_IN_GIVEN:
        body["expires_in"] = int((grant.expires_at - now).total_seconds())
    return body
