"""The sign-in dialogs of both flavours, which send the browser back at once, and the exchange of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from storykeep.sandbox import switches
from storykeep.sandbox.calls import Reply
from storykeep.sandbox.edges.callers import check_app
from storykeep.sandbox.errors import ApiError, SignInError, bad_parameter
from storykeep.sandbox.tokens import USUAL_SCOPES, Grant
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Flavour
from storykeep.sandbox.world.sign_ins import Asked, CodeError

KNOWN_SCOPES: dict[Flavour, frozenset[str]] = {
    "facebook": frozenset(
        (
            *USUAL_SCOPES["facebook"],
            "ads_management",
            "ads_read",
            "email",
            "instagram_content_publish",
            "instagram_manage_comments",
            "instagram_manage_messages",
            "pages_manage_ads",
            "pages_manage_engagement",
            "pages_manage_posts",
            "pages_messaging",
            "pages_read_user_content",
            "public_profile",
            "read_insights",
        )
    ),
    "instagram": frozenset(
        (
            *USUAL_SCOPES["instagram"],
            "instagram_business_content_publish",
            "instagram_business_manage_comments",
            "instagram_business_manage_messages",
        )
    ),
}
"""The permissions that an app can ask for."""
_REFUSED: dict[Flavour, Mapping[str, str]] = {
    "facebook": {
        "error": "access_denied",
        "error_code": "200",
        "error_description": "Permissions error",
        "error_reason": "user_denied",
    },
    "instagram": {
        "error": "access_denied",
        "error_reason": "user_denied",
        "error_description": "The user denied your request.",
    },
}
_HTML = "text/html; charset=utf-8"
_AGAIN, _REAUTHORIZE = "rerequest", "reauthorize"
_CODE_ERRORS = {
    "unknown": (None, "Invalid verification code format."),
    "expired": (36007, "This authorization code has expired."),
    "used": (36009, "This authorization code has been used."),
    "redirect_uri": (
        36008,
        "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in "
        "the OAuth dialog request",
    ),
}


def dialog(view: View, _: None, params: Params) -> Reply:
    """The way back to the app, with a code or with the refusal; a page with status 400 if the app asks wrongly."""
    host = view.call.host
    wrong = _what_is_wrong(view, params)
    if wrong is not None:
        return Reply(
            400, f"<!DOCTYPE html><html><body><p>{escape(wrong)}</p></body></html>", "text/html; charset=utf-8"
        )
    ways = params.get("auth_type", "").split(",")
    asked = Asked(_scopes(host, params), again=_AGAIN in ways, renews_data_access=_REAUTHORIZE in ways)
    code = view.state.sign_ins.come(host, asked, params["redirect_uri"], view.now)
    answer = _REFUSED[host] if code is None else {"code": code}
    if "state" in params:
        answer = {**answer, "state": params["state"]}
    return _redirect(params["redirect_uri"], answer, "#_" if host == "instagram" and code is not None else "")


def _what_is_wrong(view: View, params: Params) -> str | None:
    host = view.call.host
    if params.get("client_id") != view.state.tokens.apps[host].id:
        return "Invalid App ID: the provided app ID does not look like a valid app ID."
    if not _is_address(params.get("redirect_uri", "")):
        return "Invalid redirect_uri: the parameter redirect_uri is required and must be an absolute address."
    if params.get("response_type", "code") != "code":
        return "Invalid response_type: this app may only ask for a code."
    scopes = _scopes(host, params)
    strange = [scope for scope in scopes if scope not in KNOWN_SCOPES[host]]
    if strange or not scopes:
        return f"Invalid Scopes: {', '.join(strange)}"
    return None


def _is_address(text: str) -> bool:
    """Whether a person can be sent there."""
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    known = address.scheme in ("http", "https") and bool(address.hostname)
    return known and not address.fragment and text.isprintable()


def _scopes(host: Flavour, params: Params) -> tuple[str, ...]:
    """The permissions that are asked for; those of a configuration are the usual ones."""
    if host == "facebook" and "config_id" in params:
        return USUAL_SCOPES[host]
    return tuple(params.get("scope", "").replace(",", " ").split())


def _redirect(address: str, answer: Mapping[str, str], fragment: str) -> Reply:
    joint = "&" if urlsplit(address).query else "?"
    headers = [("Location", f"{address}{joint}{urlencode(answer)}{fragment}"), ("Cache-Control", "no-store")]
    return Reply(302, "", _HTML, headers)


def exchange_code(view: View, params: Params) -> Grant:
    """The short-lived token for a code of the facebook dialog.

    Raises:
        ApiError: wrong app credentials, or a code that is not taken.
    """
    check_app(view.state.tokens.apps["facebook"], params.get("client_id"), params.get("client_secret"))
    if not params.get("redirect_uri"):
        raise bad_parameter("Missing redirect_uri parameter.")
    try:
        return view.state.sign_ins.redeem("facebook", params["code"], params["redirect_uri"], view.now)
    except CodeError as error:
        subcode, words = _CODE_ERRORS[error.reason]
        raise ApiError(400, 100, words, subcode=subcode) from None


def exchange_instagram_code(view: View, _: None, params: Params) -> dict[str, Any]:
    """The short-lived token for a code of the instagram dialog, in the words and errors of api.instagram.com.

    Raises:
        SignInError: wrong app credentials or grant type, or a code that is not taken.
    """
    app = view.state.tokens.apps["instagram"]
    if params.get("client_id") != app.id:
        raise SignInError("Invalid platform app")
    if params.get("client_secret") != app.secret:
        raise SignInError("Error validating client secret.")
    if params.get("grant_type") != "authorization_code":
        raise SignInError("Invalid grant_type: only authorization_code is supported")
    try:
        redirect_uri = params.get("redirect_uri", "")
        grant = view.state.sign_ins.redeem("instagram", params.get("code", ""), redirect_uri, view.now)
    except CodeError as error:
        raise SignInError(_CODE_ERRORS[error.reason][1]) from None
    if switches.CODE_ANSWER == "flat":
        return {
            "access_token": grant.token,
            "user_id": int(grant.account.ig_user_id),
            "permissions": list(grant.granted),
        }
    row = {
        "access_token": grant.token,
        "user_id": grant.account.ig_user_id,
        "permissions": ",".join(grant.granted),
    }
    return {"data": [row]}
