"""`/me` and `/{ig-user-id}`: who an account is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storykeep.sandbox.nodes import Getter, NodeKind, render
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account


def _followers(view: View, account: Account) -> int:
    return int(account.audience * 6) + account.number % 97


_COMMON: Mapping[str, Getter] = {
    "username": lambda view, account: account.username,
    "name": lambda view, account: account.name,
    "biography": lambda view, account: f"{account.name}. Stories every day.",
    "website": lambda view, account: None,
    "profile_picture_url": lambda view, account: None,
    "followers_count": _followers,
    "follows_count": lambda view, account: 80 + account.number % 700,
    "media_count": lambda view, account: 40 + account.number % 900,
}
_ACCOUNT = NodeKind(
    "ShadowIGUser",
    {
        "facebook": {
            **_COMMON,
            "id": lambda view, account: account.ig_user_id,
            "ig_id": lambda view, account: 1_000_000_000 + account.number,
        },
        "instagram": {
            **_COMMON,
            "id": lambda view, account: account.scoped_id,
            "user_id": lambda view, account: account.ig_user_id,
            "account_type": lambda view, account: "BUSINESS" if account.number % 3 == 0 else "MEDIA_CREATOR",
        },
    },
)
_PERSON = NodeKind(
    "User",
    {
        "facebook": {
            "id": lambda view, account: account.user_id,
            "name": lambda view, account: account.name,
        }
    },
    defaults="id,name",
)


def profile(view: View, account: Account, params: Params) -> dict[str, Any]:
    """The professional account."""
    return render(view, _ACCOUNT, account, params.get("fields"))


def person(view: View, _: None, params: Params) -> dict[str, Any]:
    """The Facebook person to whom the token belongs."""
    return render(view, _PERSON, view.caller.account, params.get("fields"))
