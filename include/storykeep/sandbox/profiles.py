"""`/me` and `/{ig-user-id}`: who an account is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from storykeep.sandbox.fields import pick
from storykeep.sandbox.world import Account, Flavour

_Getter = Callable[[Account], Any]


def _followers(account: Account) -> int:
    return int(account.audience * 6) + account.number % 97


_COMMON: Mapping[str, _Getter] = {
    "username": lambda account: account.username,
    "name": lambda account: account.name,
    "biography": lambda account: f"{account.name}. Stories every day.",
    "website": lambda account: None,
    "profile_picture_url": lambda account: None,
    "followers_count": _followers,
    "follows_count": lambda account: 80 + account.number % 700,
    "media_count": lambda account: 40 + account.number % 900,
}
_NODES: Mapping[Flavour, Mapping[str, _Getter]] = {
    "facebook": {
        **_COMMON,
        "id": lambda account: account.ig_user_id,
        "ig_id": lambda account: 1_000_000_000 + account.number,
    },
    "instagram": {
        **_COMMON,
        "id": lambda account: account.scoped_id,
        "user_id": lambda account: account.ig_user_id,
        "account_type": lambda account: "BUSINESS" if account.number % 3 == 0 else "MEDIA_CREATOR",
    },
}
_PERSON: Mapping[str, _Getter] = {
    "id": lambda account: account.user_id,
    "name": lambda account: account.name,
}


def profile(account: Account, fields: str | None, host: Flavour) -> dict[str, Any]:
    """The professional account."""
    return pick(fields, _NODES[host], "ShadowIGUser", account)


def me(account: Account, fields: str | None, host: Flavour) -> dict[str, Any]:
    """Who the token belongs to: a Facebook person, or the Instagram account itself."""
    if host == "facebook":
        return pick(fields or "id,name", _PERSON, "User", account)
    return profile(account, fields, host)
