"""`/me` and `/{ig-user-id}`: who an account is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storykeep.sandbox.errors import no_such_user
from storykeep.sandbox.nodes import Getter, NodeKind, render
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account
from storykeep.sandbox.world.audience import Audience

_COMMON: Mapping[str, Getter] = {
    "username": lambda view, account: account.username,
    "name": lambda view, account: account.name,
    "biography": lambda view, account: f"{account.name}. Stories every day.",
    "website": lambda view, account: f"https://{account.username}.example" if account.number % 3 else None,
    "profile_picture_url": lambda view, account: view.state.cdn.link(account.ig_user_id, "jpg", view.now, family="19"),
    "followers_count": lambda view, account: Audience(view.state.world, account).followers(view.now),
    "follows_count": lambda view, account: 80 + account.number % 700,
    "media_count": lambda view, account: view.state.posts.count(account, view.now),
}
ACCOUNT = NodeKind(
    "ShadowIGUser",
    {
        "facebook": {
            **_COMMON,
            "id": lambda view, account: account.ig_user_id,
            "ig_id": lambda view, account: 1_000_000_000 + account.number,
            "has_profile_pic": lambda view, account: True,
            "is_published": lambda view, account: True,
            "legacy_instagram_user_id": lambda view, account: str(1_000_000_000 + account.number),
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
            "id": lambda view, person: person.account.user_id,
            "name": lambda view, person: person.account.name,
        }
    },
    defaults="id,name",
)


@dataclass(frozen=True, slots=True)
class _Person:
    """Who owns an account; the edges of a person are those of `me`."""

    account: Account


def profile(view: View, account: Account, params: Params) -> dict[str, Any]:
    """The professional account."""
    return render(view, ACCOUNT, account, params.get("fields"))


def person(view: View, _: None, params: Params) -> dict[str, Any]:
    """The Facebook person to whom the token belongs."""
    return render(view, _PERSON, _Person(view.caller.account), params.get("fields"))


def discovered(view: View, params: Params) -> dict[str, Any]:
    """What anybody may know of a professional account by its handle: `business_discovery`.

    Raises:
        ApiError: there is no professional account with that handle, or no handle.
    """
    handle = params.get("username", "").lower()
    found = next((account for account in view.state.world.accounts() if account.username == handle), None)
    if found is None:
        raise no_such_user(handle)
    return render(view, ACCOUNT, found, params.get("fields"))
