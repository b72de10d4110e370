"""The life of a token: inspect it, exchange it, refresh it, ask whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from storykeep.graph.auth import app_token
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import ReconnectError, UnreadableError, classify

PROFILE_FIELDS = "id,user_id,username,name,account_type,profile_picture_url,followers_count,follows_count,media_count"


@dataclass(frozen=True)
class TokenFacts:
    """What the API says of a token. A time is None when it never comes or is not told; `reason` is None while valid."""

    is_valid: bool
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    issued_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    user_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class NewToken:
    """A token that takes the old one's place; `expires_at` is None when the API did not say."""

    token: SecretStr
    expires_at: datetime | None


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


def debug_token(client: GraphClient, token: SecretStr) -> TokenFacts:
    """The facts of a facebook token, asked with the app's own token. Raises GraphError."""
    params = {"input_token": token.get_secret_value()}
    body = client.fetch(f"{client.api.version}/debug_token", params, token=app_token(client.api))
    data = body.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("is_valid"), bool):
        raise UnreadableError("debug_token answered without is_valid")
    scopes = data.get("scopes")
    return TokenFacts(
        is_valid=data["is_valid"],
        expires_at=_time(data.get("expires_at")),
        data_access_expires_at=_time(data.get("data_access_expires_at")),
        issued_at=_time(data.get("issued_at")),
        scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else (),
        user_id=_text_id(data.get("user_id")),
        reason=None if data["is_valid"] else _reason(data),
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
    return _new_token(client.fetch(f"{client.api.version}/oauth/access_token", params), now)


def refresh_instagram(client: GraphClient, token: SecretStr, now: datetime) -> NewToken:
    """Sixty more days for a living long-lived token that is at least 24 h old. Raises GraphError."""
    params = {"grant_type": "ig_refresh_token", "access_token": token.get_secret_value()}
    return _new_token(client.fetch("refresh_access_token", params), now)


def me(client: GraphClient, token: SecretStr) -> Profile:
    """Whose token this is (instagram flavour). Raises GraphError."""
    body = _unwrap(client.fetch(f"{client.api.version}/me", {"fields": PROFILE_FIELDS}, token=token))
    ig_user_id = _text_id(body.get("user_id"))
    if ig_user_id is None:
        raise UnreadableError("/me answered without a user_id")
    return Profile(
        ig_user_id=ig_user_id,
        username=_text(body.get("username")),
        name=_text(body.get("name")),
        account_type=_text(body.get("account_type")),
        followers_count=_count(body.get("followers_count")),
        media_count=_count(body.get("media_count")),
    )


def _new_token(body: dict[str, Any], now: datetime) -> NewToken:
    fields = _unwrap(body)
    token = fields.get("access_token")
    if not isinstance(token, str) or not token:
        raise UnreadableError("the answer holds no access_token")
    seconds = _count(fields.get("expires_in"))
    return NewToken(SecretStr(token), now + timedelta(seconds=seconds) if seconds else None)


def _unwrap(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object itself: documentation wraps it in `data`, alone or in a list; the live API does not."""
    data = body.get("data", body)
    if isinstance(data, list):
        data = data[0] if data else {}
    return data if isinstance(data, dict) else {}


def _reason(data: Mapping[str, Any]) -> str:
    error = classify(200, data)
    return error.reason if isinstance(error, ReconnectError) else "token_invalid"


def _time(value: Any) -> datetime | None:
    """Unix seconds; 0 means never."""
    seconds = _count(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _text_id(value: Any) -> str | None:
    """An id as text. A whole number keeps every digit; a float has already lost some."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    """A whole number from 0 to the end of Unix time in 32 bits, unsigned; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:11])
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else None
