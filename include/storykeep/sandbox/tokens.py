"""Tokens of the world's accounts: what each may do, until when, and how it is renewed."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Literal

from storykeep.sandbox import switches
from storykeep.sandbox.errors import ApiError, bad_parameter, no_token, token_expired, token_malformed
from storykeep.sandbox.world.accounts import Account, Flavour, Plight, World
from storykeep.sandbox.world.ids import draw

LONG_LIFE = timedelta(seconds=5_183_944)
"""How long a new long-lived token lives: a little under 60 days."""

REFRESH_AGE = timedelta(hours=24)
"""How old an Instagram token must be before it is refreshed."""

READ_SCOPE: dict[Flavour, str] = {"facebook": "instagram_basic", "instagram": "instagram_business_basic"}
INSIGHTS_SCOPE: dict[Flavour, str] = {
    "facebook": "instagram_manage_insights",
    "instagram": "instagram_business_manage_insights",
}
_PAGE_SCOPES = ("pages_show_list", "pages_read_engagement", "business_management")
_PREFIX: dict[Flavour, str] = {"facebook": "EAA", "instagram": "IGAA"}
_SHAPE = re.compile(r"(EAA|IGAA)sbx(u|p)([0-9a-f]{6})[0-9a-f]{40}")
_DATA_ACCESS_LIFE = timedelta(days=90)
_SAFE_DAYS = 20


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
class Grant:
    """What a token stands for; `expires_at` None is never, `data_access_expires_at` None is not running."""

    token: str
    account: Account
    kind: Literal["USER", "PAGE"]
    issued_at: datetime
    expires_at: datetime | None
    data_access_expires_at: datetime | None
    granted: tuple[str, ...]

    def is_expired(self, now: datetime) -> bool:
        """Whether the token no longer authenticates."""
        return self.expires_at is not None and now >= self.expires_at

    def has_data_access(self, now: datetime) -> bool:
        """Whether the 90-day clock still runs."""
        return self.data_access_expires_at is None or now < self.data_access_expires_at

    def allows(self, scope: str, now: datetime) -> bool:
        """Whether a permission on Instagram data holds."""
        return scope in self.granted and self.has_data_access(now)


class TokenBook:
    """Every token of the world; the first of each account follows from the seed, later ones are remembered."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.apps: dict[Flavour, AppCredentials] = {
            "facebook": _app(world.seed, "facebook"),
            "instagram": _app(world.seed, "instagram"),
        }
        self._renewed: dict[str, Grant] = {}
        self._latest: dict[int, Grant] = {}
        self.first = lru_cache(maxsize=1 << 15)(self._make_first)

    def page(self, account: Account) -> Grant | None:
        """The Page token of a connected facebook account; it has no expiry date."""
        user = self.first(account)
        if user is None or account.flavour == "instagram":
            return None
        return replace(user, token=self._token(account, "p"), kind="PAGE", expires_at=None)

    def latest(self, account: Account) -> Grant | None:
        """The user token of the account that was given out last."""
        return self._latest.get(account.number) or self.first(account)

    def find(self, token: str) -> Grant | None:
        """The grant behind a token, alive or not."""
        if token in self._renewed:
            return self._renewed[token]
        shape = _SHAPE.fullmatch(token)
        if shape is None or int(shape[3], 16) >= self._world.size:
            return None
        account = self._world.account(int(shape[3], 16))
        grant = self.page(account) if shape[2] == "p" else self.first(account)
        return grant if grant is not None and grant.token == token else None

    def renew(self, grant: Grant, now: datetime) -> Grant:
        """A new token for a live one; the old one stays valid to its date, data access is not moved."""
        digest = hashlib.sha256(grant.token.encode()).hexdigest()[:40]
        renewed = replace(grant, token=grant.token[:-40] + digest, issued_at=now, expires_at=now + LONG_LIFE)
        self._renewed[renewed.token] = self._latest[grant.account.number] = renewed
        return renewed

    def _token(self, account: Account, kind: Literal["u", "p"]) -> str:
        digest = hashlib.sha256(f"{self._world.seed}:{kind}:{account.ig_user_id}".encode()).hexdigest()[:40]
        return f"{_PREFIX[account.flavour]}sbx{kind}{account.number:06x}{digest}"

    def _make_first(self, account: Account) -> Grant | None:
        if account.plight is Plight.NO_CONSENT:
            return None
        expires_at, data_access_expires_at = self._clocks(account)
        return Grant(
            token=self._token(account, "u"),
            account=account,
            kind="USER",
            issued_at=min(expires_at - LONG_LIFE, self._world.start - REFRESH_AGE),
            expires_at=expires_at,
            data_access_expires_at=data_access_expires_at if account.flavour == "facebook" else None,
            granted=tuple(_scopes(account)),
        )

    def _clocks(self, account: Account) -> tuple[datetime, datetime]:
        """Token expiry and end of data access of an account's first token."""
        present, rng = self._world.present, draw(self._world.seed, "token", account.number)
        if account.plight is Plight.EXPIRED:
            return present - timedelta(days=3 if self._world.history_days else 1), self._safe(rng, _DATA_ACCESS_LIFE)
        if account.plight is Plight.EXPIRING:
            return present + timedelta(days=2), present + timedelta(days=2)
        return self._safe(rng, LONG_LIFE), self._safe(rng, _DATA_ACCESS_LIFE)

    def _safe(self, rng: Random, life: timedelta) -> datetime:
        """A moment well after the present, and still within a life that began before the start where that can be."""
        room = life.days - 1 - _SAFE_DAYS - self._world.history_days
        return self._world.present + timedelta(days=_SAFE_DAYS + 1, seconds=int(rng.random() * max(room, 1) * 86400))


def _app(seed: int, flavour: Flavour) -> AppCredentials:
    rng = draw(seed, "app", flavour)
    return AppCredentials(str(rng.randrange(10**14, 10**15)), f"{rng.getrandbits(128):032x}")


def _scopes(account: Account) -> Iterable[str]:
    yield READ_SCOPE[account.flavour]
    if account.plight is not Plight.NO_INSIGHTS:
        yield INSIGHTS_SCOPE[account.flavour]
    if account.flavour == "facebook":
        yield from _PAGE_SCOPES


def authenticate(book: TokenBook, host: Flavour, token: str | None, proof: str | None, now: datetime) -> Grant:
    """The grant of a call's token.

    Raises:
        ApiError: no token, one of the other host, an expired one, or a wrong proof.
    """
    if not token:
        raise no_token()
    grant = book.find(token)
    if grant is None or grant.account.flavour != host or (grant.kind == "PAGE" and not switches.PAGE_TOKEN_READS):
        raise token_malformed(host)
    if grant.expires_at is not None and grant.is_expired(now):
        raise token_expired(grant.expires_at, now)
    check_proof(book.apps[host], token, proof)
    return grant


def check_proof(app: AppCredentials, token: str, proof: str | None) -> None:
    """Compare an appsecret_proof, if one was sent.

    Raises:
        ApiError: it is wrong.
    """
    if proof is not None and not hmac.compare_digest(_proof(app, token), proof.encode()):
        raise bad_parameter("Invalid appsecret_proof provided in the API argument")


def _proof(app: AppCredentials, token: str) -> bytes:
    return hmac.digest(app.secret.encode(), token.encode(), "sha256").hex().encode()


def check_app(app: AppCredentials, client_id: str | None, client_secret: str | None) -> None:
    """Compare an app's credentials.

    Raises:
        ApiError: they are not the app's.
    """
    if client_id != app.id or client_secret != app.secret:
        raise ApiError(400, 101, "Error validating application. Cannot get application info due to a system error.")


def check_caller(book: TokenBook, host: Flavour, token: str | None, proof: str | None, now: datetime) -> None:
    """Accept the app's own token or any live one.

    Raises:
        ApiError: it is neither.
    """
    if not token:
        raise no_token()
    app = book.apps[host]
    if token == app.token:
        check_proof(app, token, proof)
    else:
        authenticate(book, host, token, proof, now)
