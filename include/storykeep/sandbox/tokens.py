"""Tokens of the world's accounts: what each may do, until when, how it is renewed, and how it ends before its time."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Literal

from storykeep.sandbox.world.accounts import Account, Flavour, Plight, World
from storykeep.sandbox.world.ids import draw

LONG_LIFE = timedelta(seconds=5_183_944)
"""How long a new long-lived token lives: a little under 60 days."""

SHORT_LIFE: dict[Flavour, timedelta] = {"facebook": timedelta(seconds=5100), "instagram": timedelta(hours=1)}
"""How long the token of a sign-in lives until it is exchanged for a long-lived one."""

DATA_ACCESS_LIFE = timedelta(days=90)
"""How long a person's consent gives access to data."""

REFRESH_AGE = timedelta(hours=24)
"""How old an Instagram token must be before it is refreshed."""

READ_SCOPE: dict[Flavour, str] = {"facebook": "instagram_basic", "instagram": "instagram_business_basic"}
INSIGHTS_SCOPE: dict[Flavour, str] = {
    "facebook": "instagram_manage_insights",
    "instagram": "instagram_business_manage_insights",
}
USUAL_SCOPES: dict[Flavour, tuple[str, ...]] = {
    "facebook": (
        "instagram_basic",
        "instagram_manage_insights",
        "pages_show_list",
        "pages_read_engagement",
        "pages_manage_metadata",
        "business_management",
    ),
    "instagram": ("instagram_business_basic", "instagram_business_manage_insights"),
}
"""What the world's first grants hold."""

_PREFIX: dict[Flavour, str] = {"facebook": "EAA", "instagram": "IGAA"}
_SHAPE = re.compile(r"(EAA|IGAA)sbx(u|p)([0-9a-f]{6})[0-9a-f]{40}")
_SAFE_DAYS = 20

Event = Literal[
    "revoked",
    "password_changed",
    "logged_out",
    "checkpointed",
    "unconfirmed",
    "page_role_lost",
    "data_access_ended",
    "expired",
    "permissions_withdrawn",
]


@dataclass(frozen=True)
class AppCredentials:
    """An app's credentials on one login flavour."""

    id: str
    secret: str

    @property
    def token(self) -> str:
        """The app access token."""
        return f"{self.id}|{self.secret}"


@dataclass(frozen=True, slots=True)
class End:
    """What befell the tokens that an account had at a moment; `scopes` are the permissions withdrawn, if it is that."""

    event: Event
    at: datetime
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for.

    Args:
        expires_at: None is never.
        data_access_expires_at: None is not running.
        granted, declined: the permissions as they were answered at the sign-in.
        sign_in: how many ends the account had seen when its owner signed in; later ones bear on this token.
        is_short: whether it comes from a sign-in and was not exchanged yet.
        page_id: the Page of a Page token, else empty.
        withdrawn: since when permissions that were granted are gone.
        ended: what made an end of it before its date.
    """

    token: str
    account: Account
    kind: Literal["USER", "PAGE"]
    issued_at: datetime
    expires_at: datetime | None
    data_access_expires_at: datetime | None
    granted: tuple[str, ...]
    declined: tuple[str, ...] = ()
    sign_in: int = 0
    is_short: bool = False
    page_id: str = ""
    withdrawn: Mapping[str, datetime] = field(default_factory=dict)
    ended: End | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether it is past its date."""
        return self.expires_at is not None and now >= self.expires_at

    def is_ended(self, now: datetime) -> bool:
        """Whether something made an end of it."""
        return self.ended is not None and now >= self.ended.at

    def has_data_access(self, now: datetime) -> bool:
        """Whether the 90-day clock still runs."""
        return self.data_access_expires_at is None or now < self.data_access_expires_at

    def holds(self, scope: str, now: datetime) -> bool:
        """Whether a permission was granted and not withdrawn."""
        return scope in self.granted and not (scope in self.withdrawn and now >= self.withdrawn[scope])

    def allows(self, scope: str, now: datetime) -> bool:
        """Whether a permission serves; those on Instagram data end with the data access."""
        return self.holds(scope, now) and (not of_instagram(scope) or self.has_data_access(now))

    def scopes(self, now: datetime) -> tuple[str, ...]:
        """The permissions that it holds."""
        return tuple(scope for scope in self.granted if self.holds(scope, now))

    def after(self, end: End) -> Grant:
        """The same token with what befell it."""
        if end.event == "expired":
            return replace(self, expires_at=min(self.expires_at or end.at, end.at))
        if end.event == "data_access_ended":
            return replace(self, data_access_expires_at=min(self.data_access_expires_at or end.at, end.at))
        if end.event == "permissions_withdrawn":
            return replace(self, withdrawn={**dict.fromkeys(end.scopes, end.at), **self.withdrawn})
        if self.ended is not None or (end.event == "page_role_lost" and self.kind == "USER"):
            return self
        return replace(self, ended=end)


def of_instagram(scope: str) -> bool:
    """Whether a permission is on Instagram data; others outlast the data access."""
    return scope.startswith("instagram_")


class TokenBook:
    """Every token of the world; the first of each account follows from the seed, later ones are remembered."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.apps: dict[Flavour, AppCredentials] = {
            "facebook": _app(world.seed, "facebook"),
            "instagram": _app(world.seed, "instagram"),
        }
        self._seeded = lru_cache(maxsize=1 << 15)(self._make_first)
        self.forget()

    def forget(self) -> None:
        """Return to the first tokens, as if nobody had signed in, renewed or ended anything."""
        self._issued: defaultdict[int, dict[str, Grant]] = defaultdict(dict)
        self._ends: dict[int, list[End]] = {}

    def first(self, account: Account) -> Grant | None:
        """The user token that the world began with; None without consent."""
        grant = self._seeded(account)
        return self._as_it_stands(grant) if grant is not None else None

    def page(self, account: Account) -> Grant | None:
        """The Page token that belongs to the first user token of a facebook account."""
        user = self.first(account)
        if user is None or account.flavour == "instagram":
            return None
        return self._page_token(user, account.page_id)

    def issue_page_token(self, user: Grant, page_id: str) -> Grant:
        """The token of a Page, as its person sees it; it has no expiry date if the person's token is long-lived."""
        page, first = self._page_token(user, page_id), self.page(user.account)
        return page if first is not None and first.token == page.token else self._remember(page)

    def grants(self, account: Account) -> list[Grant]:
        """Every user token that the account was given, oldest first."""
        first = self.first(account)
        later = [self._as_it_stands(one) for one in self._given(account.number).values() if one.kind == "USER"]
        return [*([first] if first is not None else []), *later]

    def latest(self, account: Account) -> Grant | None:
        """The user token of the account that was given out last."""
        return next(reversed(self.grants(account)), None)

    def find(self, token: str) -> Grant | None:
        """The grant behind a token, alive or not."""
        shape = _SHAPE.fullmatch(token)
        if shape is None or int(shape[3], 16) >= self._world.size:
            return None
        given = self._given(int(shape[3], 16)).get(token)
        if given is not None:
            return self._as_it_stands(given)
        account = self._world.account(int(shape[3], 16))
        grant = self.page(account) if shape[2] == "p" else self.first(account)
        return grant if grant is not None and grant.token == token else None

    def renew(self, grant: Grant, now: datetime) -> Grant:
        """A new long-lived token for a live one; the old one stays valid to its date, data access is not moved."""
        token = self._token(grant.account, "u", grant.token)
        return self._remember(replace(grant, token=token, issued_at=now, expires_at=now + LONG_LIFE, is_short=False))

    def issue(self, consent: Grant, code: str, now: datetime) -> Grant:
        """The short-lived token that the code of a sign-in is worth."""
        token, life = self._token(consent.account, "u", code), SHORT_LIFE[consent.account.flavour]
        return self._remember(replace(consent, token=token, issued_at=now, expires_at=now + life, is_short=True))

    def end(self, account: Account, end: End) -> None:
        """Let something befall every token that the account has by now; those of later sign-ins are not touched."""
        self._ends.setdefault(account.number, []).append(end)

    def ends(self, account: Account) -> Sequence[End]:
        """What befell the account's tokens so far."""
        return self._ends.get(account.number, ())

    def has_page_role(self, grant: Grant, now: datetime) -> bool:
        """Whether the person still has a role on the Page of the account."""
        later = self.ends(grant.account)[grant.sign_in :]
        return not any(end.event == "page_role_lost" and now >= end.at for end in later)

    def _as_it_stands(self, grant: Grant) -> Grant:
        for end in self.ends(grant.account)[grant.sign_in :]:
            grant = grant.after(end)
        return grant

    def _given(self, number: int) -> Mapping[str, Grant]:
        return self._issued.get(number, {})

    def _remember(self, grant: Grant) -> Grant:
        given = self._issued[grant.account.number]
        given.pop(grant.token, None)  # a renewal of the same token at another time is the latest again
        given[grant.token] = grant
        return self._as_it_stands(grant)

    def _page_token(self, user: Grant, page_id: str) -> Grant:
        of_person = (f"{user.sign_in}", user.token) if user.is_short else (f"{user.sign_in}",)
        return self._as_it_stands(
            replace(
                user,
                token=self._token(user.account, "p", page_id, *of_person),
                kind="PAGE",
                page_id=page_id,
                expires_at=user.expires_at if user.is_short else None,
            )
        )

    def _token(self, account: Account, kind: Literal["u", "p"], *parts: str) -> str:
        text = ":".join((str(self._world.seed), kind, account.ig_user_id, *parts))
        digest = hashlib.sha256(text.encode()).hexdigest()[:40]
        return f"{_PREFIX[account.flavour]}sbx{kind}{account.number:06x}{digest}"

    def _make_first(self, account: Account) -> Grant | None:
        if account.plight is Plight.NO_CONSENT:
            return None
        expires_at, data_access_expires_at = self._clocks(account)
        declined = tuple(_declined(account))
        return Grant(
            token=self._token(account, "u"),
            account=account,
            kind="USER",
            issued_at=min(expires_at - LONG_LIFE, self._world.start - REFRESH_AGE),
            expires_at=expires_at,
            data_access_expires_at=data_access_expires_at if account.flavour == "facebook" else None,
            granted=tuple(scope for scope in USUAL_SCOPES[account.flavour] if scope not in declined),
            declined=declined,
        )

    def _clocks(self, account: Account) -> tuple[datetime, datetime]:
        """Token expiry and end of data access of an account's first token."""
        present, rng = self._world.present, draw(self._world.seed, "token", account.number)
        if account.plight is Plight.EXPIRED:
            return present - timedelta(days=3 if self._world.history_days else 1), self._safe(rng, DATA_ACCESS_LIFE)
        if account.plight is Plight.EXPIRING:
            return present + timedelta(days=2), present + timedelta(days=2)
        return self._safe(rng, LONG_LIFE), self._safe(rng, DATA_ACCESS_LIFE)

    def _safe(self, rng: Random, life: timedelta) -> datetime:
        """A moment well after the present, and still within a life that began before the start where that can be."""
        room = life.days - 1 - _SAFE_DAYS - self._world.history_days
        return self._world.present + timedelta(days=_SAFE_DAYS + 1, seconds=int(rng.random() * max(room, 1) * 86400))


def _app(seed: int, flavour: Flavour) -> AppCredentials:
    rng = draw(seed, "app", flavour)
    return AppCredentials(str(rng.randrange(10**14, 10**15)), f"{rng.getrandbits(128):032x}")


def _declined(account: Account) -> Iterable[str]:
    if account.plight is Plight.NO_INSIGHTS:
        yield INSIGHTS_SCOPE[account.flavour]
