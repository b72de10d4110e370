"""Token endpoints: `debug_token`, exchange, refresh, permissions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storykeep.sandbox.errors import ApiError, bad_parameter, token_expired, token_malformed
from storykeep.sandbox.tokens import REFRESH_AGE, Grant, TokenBook, authenticate, check_app, check_caller
from storykeep.sandbox.view import Params, View


def debug_token(view: View, _: None, params: Params) -> dict[str, Any]:
    """What a token is; a dead one is described, not refused.

    Raises:
        ApiError: the calling token is bad, or input_token is missing.
    """
    call, book = view.call, view.state.tokens
    check_caller(book, call.host, call.token, params.get("appsecret_proof"), view.now)
    if not params.get("input_token"):
        raise bad_parameter("The parameter input_token is required")
    grant = book.find(params["input_token"])
    if grant is None or grant.account.flavour != "facebook":
        error = {"code": 190, "message": token_malformed("facebook").message}
        return {"data": {"error": error, "is_valid": False, "scopes": []}}
    return {"data": _describe(grant, book, view.now)}


def _describe(grant: Grant, book: TokenBook, now: datetime) -> dict[str, Any]:
    account = grant.account
    targets = {"pages_show_list": account.page_id, "pages_read_engagement": account.page_id}
    data: dict[str, Any] = {
        "app_id": book.apps["facebook"].id,
        "type": grant.kind,
        "application": "Storykeep",
        "data_access_expires_at": _unix(grant.data_access_expires_at),
        "expires_at": _unix(grant.expires_at),
        "is_valid": True,
        "issued_at": _unix(grant.issued_at),
        "scopes": list(grant.granted),
        "granular_scopes": [
            {"scope": scope, "target_ids": [targets.get(scope, account.ig_user_id)]} for scope in grant.granted
        ],
        "user_id": account.user_id,
    }
    if grant.kind == "PAGE":
        data["profile_id"] = account.page_id
    if grant.expires_at is not None and grant.is_expired(now):
        error = token_expired(grant.expires_at, now)
        data |= {"is_valid": False, "error": {"code": 190, "message": error.message, "subcode": 463}}
    return data


def _unix(at: datetime | None) -> int:
    return int(at.timestamp()) if at is not None else 0


def exchange(view: View, _: None, params: Params) -> dict[str, Any]:
    """A new long-lived facebook token for a live one.

    Raises:
        ApiError: another grant type, wrong app credentials, or a token that is not alive.
    """
    if params.get("grant_type") != "fb_exchange_token":
        raise bad_parameter("Missing or unsupported grant_type")
    book, now = view.state.tokens, view.now
    check_app(book.apps["facebook"], params.get("client_id"), params.get("client_secret"))
    grant = authenticate(book, "facebook", params.get("fb_exchange_token"), None, now)
    if grant.kind == "PAGE":
        raise bad_parameter("The access token does not belong to a user")
    return _renewed(book.renew(grant, now), now)


def refresh(view: View, _: None, params: Params) -> dict[str, Any]:
    """A new long-lived instagram token for a live one that is at least a day old.

    Raises:
        ApiError: another grant type, a dead token, or one that is too young.
    """
    if params.get("grant_type") != "ig_refresh_token":
        raise bad_parameter("Missing or unsupported grant_type")
    book, now = view.state.tokens, view.now
    grant = authenticate(book, "instagram", view.call.token, params.get("appsecret_proof"), now)
    if now - grant.issued_at < REFRESH_AGE:
        raise ApiError(400, 100, "Invalid parameter", text="The access token must be at least 24 hours old.")
    return {**_renewed(book.renew(grant, now), now), "permissions": ",".join(grant.granted)}


def _renewed(grant: Grant, now: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {"access_token": grant.token, "token_type": "bearer"}
    if grant.expires_at is not None:
        body["expires_in"] = int((grant.expires_at - now).total_seconds())
    return body


def permissions(view: View, _: None, params: Params) -> dict[str, Any]:
    """What the person granted; Instagram permissions expire with the data access."""
    grant, wanted, now = view.caller, params.get("permission"), view.now
    rows = [
        {
            "permission": scope,
            "status": "expired" if scope.startswith("instagram_") and not grant.has_data_access(now) else "granted",
        }
        for scope in grant.granted
    ]
    if "instagram_manage_insights" not in grant.granted:
        rows.append({"permission": "instagram_manage_insights", "status": "declined"})
    return {"data": [row for row in rows if wanted in (None, row["permission"])]}
