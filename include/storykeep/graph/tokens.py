"""The life of a token: inspect it, exchange it, refresh it, ask whose it is."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from storykeep.graph.asks import Answer, Ask
from storykeep.graph.auth import app_token
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import Reason, ReconnectError, UnreadableError, classify
from storykeep.graph.fields import PROFILE_FIELDS
from storykeep.graph.values import count, text, text_id, texts, token_of, unix_time, unwrap
from storykeep.settings import GraphSettings


@dataclass(frozen=True)
class TokenFacts:
    """What the API says of a token. A time is None when it never comes or is not told; `reason` is None while valid.

    `instagram_targets` are the accounts that were ticked in the dialog, where it names them.
    """

    is_valid: bool
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    issued_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    user_id: str | None = None
    reason: Reason | None = None
    instagram_targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewToken:
    """A token as the API hands it out; `expires_at` and `permissions` are None when the API did not say."""

    token: SecretStr
    expires_at: datetime | None
    permissions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Profile:
    """The professional account that an Instagram Login token belongs to. `ig_user_id` is its identity everywhere."""

    ig_user_id: str
    username: str | None
    name: str | None = None
    account_type: str | None = None
    followers_count: int | None = None
    media_count: int | None = None


def inspect(client: GraphClient, token: SecretStr) -> TokenFacts:
    """Whether a token lives, by the means of its flavour.

    Instagram Login has no debug_token, so there `GET /me` tells only whether it lives and whose it is.
    Raises GraphError when the API cannot say (unreachable, throttled and so on).
    """
    if client.api.flavour == "facebook":
        return debug_token(client, token)
    try:
        return TokenFacts(is_valid=True, user_id=me(client, token).ig_user_id)
    except ReconnectError as error:
        return TokenFacts(is_valid=False, reason=error.reason)


def inspection(api: GraphSettings, token: SecretStr, *, pool: str, key: Hashable) -> Ask:
    """What is asked to inspect a token together with others; facts_of() reads the answer."""
    if api.flavour == "facebook":
        return Ask(key, app_token(api), "debug_token", {}, pool, about=token)
    return Ask(key, token, "me", {"fields": PROFILE_FIELDS["instagram"]}, pool)


def facts_of(answer: Answer) -> TokenFacts:
    """What the answer to an inspection says of its token. Raises GraphError, as inspect() does."""
    if answer.ask.about is not None:
        return _debugged(_body(answer))
    try:
        return TokenFacts(is_valid=True, user_id=_profile(_body(answer)).ig_user_id)
    except ReconnectError as error:
        return TokenFacts(is_valid=False, reason=error.reason)


def _body(answer: Answer) -> dict[str, Any]:
    if answer.error is not None:
        raise answer.error
    return answer.body or {}


def debug_token(client: GraphClient, token: SecretStr) -> TokenFacts:
    """The facts of a facebook token, asked with the app's own token. Raises GraphError."""
    params = {"input_token": token.get_secret_value()}
    return _debugged(client.fetch(f"{client.api.version}/debug_token", params, token=app_token(client.api)))


def _debugged(body: Mapping[str, Any]) -> TokenFacts:
    data = body.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("is_valid"), bool):
        raise UnreadableError("debug_token answered without is_valid")
    return TokenFacts(
        is_valid=data["is_valid"],
        expires_at=unix_time(data.get("expires_at")),
        data_access_expires_at=unix_time(data.get("data_access_expires_at")),
        issued_at=unix_time(data.get("issued_at")),
        scopes=texts(data.get("scopes")) or (),
        user_id=text_id(data.get("user_id")),
        reason=None if data["is_valid"] else _reason(data),
        instagram_targets=_targets(data.get("granular_scopes"), "instagram_basic"),
    )


def exchange_facebook(client: GraphClient, token: SecretStr, now: datetime) -> NewToken:
    """A living user token (short or long) for a new long-lived one. Raises GraphError, also for a dead token.

    The 90-day data access does not move: only the creator's fresh consent moves it.
    """
    params = {
        "grant_type": "fb_exchange_token",
        "client_id": client.api.app_id,
        "client_secret": client.api.app_secret.get_secret_value(),
        "fb_exchange_token": token.get_secret_value(),
    }
    return new_token(client.fetch(f"{client.api.version}/oauth/access_token", params), now)


def exchange_instagram(client: GraphClient, token: SecretStr, now: datetime) -> NewToken:
    """A living short-lived token for one of sixty days. Raises GraphError, also for a dead token."""
    params = {
        "grant_type": "ig_exchange_token",
        "client_secret": client.api.app_secret.get_secret_value(),
        "access_token": token.get_secret_value(),
    }
    return new_token(client.fetch("access_token", params), now)


def refresh_instagram(client: GraphClient, token: SecretStr, now: datetime) -> NewToken:
    """Sixty more days for a living long-lived token that is at least 24 h old. Raises GraphError."""
    params = {"grant_type": "ig_refresh_token", "access_token": token.get_secret_value()}
    return new_token(client.fetch("refresh_access_token", params), now)


def me(client: GraphClient, token: SecretStr) -> Profile:
    """Whose token this is (instagram flavour). Raises GraphError."""
    return _profile(client.fetch(f"{client.api.version}/me", {"fields": PROFILE_FIELDS["instagram"]}, token=token))


def _profile(reply: Mapping[str, Any]) -> Profile:
    body = unwrap(reply)
    ig_user_id = text_id(body.get("user_id"))
    if ig_user_id is None:
        raise UnreadableError("/me answered without a user_id")
    return Profile(
        ig_user_id=ig_user_id,
        username=text(body.get("username")),
        name=text(body.get("name")),
        account_type=text(body.get("account_type")),
        followers_count=count(body.get("followers_count")),
        media_count=count(body.get("media_count")),
    )


def new_token(body: Mapping[str, Any], now: datetime) -> NewToken:
    """The token that an answer brings, in any of the shapes that token answers have. Raises UnreadableError."""
    fields = unwrap(body)
    token = token_of(fields.get("access_token"))
    if token is None:
        raise UnreadableError("the answer holds no access_token")
    seconds = count(fields.get("expires_in"))
    return NewToken(
        token=token,
        expires_at=now + timedelta(seconds=seconds) if seconds else None,
        permissions=texts(fields.get("permissions")),
    )


def _targets(granular: Any, scope: str) -> tuple[str, ...]:
    rows = [row for row in granular if isinstance(row, dict)] if isinstance(granular, list) else []
    return next((texts(row.get("target_ids")) or () for row in rows if row.get("scope") == scope), ())


def _reason(data: Mapping[str, Any]) -> Reason:
    error = classify(200, data)
    return error.reason if isinstance(error, ReconnectError) else "token_invalid"
