"""Sign-ins: who comes to the dialog, what they allow, and the codes that apps leave with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Literal

from storykeep.sandbox.tokens import DATA_ACCESS_LIFE, Grant, TokenBook
from storykeep.sandbox.world.accounts import Account, Flavour, World

CODE_LIFE: dict[Flavour, timedelta] = {"facebook": timedelta(minutes=10), "instagram": timedelta(hours=1)}
"""How long a code waits to be exchanged."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person does at the dialog.

    Args:
        ig_user_id: whose account it is; None for the first that never consented, else the first.
        declined: the permissions that are not given.
        refuse: whether the person turns away.
    """

    ig_user_id: str | None = None
    declined: tuple[str, ...] = ()
    refuse: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app asks for at the dialog.

    Args:
        scopes: the permissions.
        again: whether permissions that were declined before are asked for too.
        renews_data_access: whether the data access is to begin anew.
    """

    scopes: tuple[str, ...]
    again: bool = False
    renews_data_access: bool = False


class CodeError(Exception):
    """A code that is not taken."""

    def __init__(self, reason: Literal["unknown", "used", "expired", "redirect_uri"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Code:
    consent: Grant
    redirect_uri: str
    given_at: datetime
    used: bool = False


class SignIns:
    """The dialogs of both flavours."""

    def __init__(self, world: World, book: TokenBook) -> None:
        self._world, self._book = world, book
        self.forget()

    def forget(self) -> None:
        """Return to a world in which nobody signed in and nothing was said about the next who does."""
        self.answers: dict[Flavour, Answer] = {"facebook": Answer(), "instagram": Answer()}
        self._codes: dict[str, _Code] = {}

    def come(self, flavour: Flavour, asked: Asked, redirect_uri: str, now: datetime) -> str | None:
        """A person answers the dialog: the code for the app, None if the person turns away or there is nobody."""
        answer = self.answers[flavour]
        if answer.refuse:
            return None
        account = self._person(flavour, answer)
        if account is None:
            return None
        consent = self._consent(account, asked, answer.declined, now)
        text = f"{self._world.seed}:code:{account.ig_user_id}:{len(self._codes)}"
        code = "AQ" + hashlib.sha256(text.encode()).hexdigest()
        self._codes[code] = _Code(consent, redirect_uri, now)
        return code

    def redeem(self, flavour: Flavour, code: str, redirect_uri: str, now: datetime) -> Grant:
        """The short-lived token for a code.

        Raises:
            CodeError: the code is unknown, used or expired, or was given for another address.
        """
        given = self._codes.get(code)
        if given is None or given.consent.account.flavour != flavour:
            raise CodeError("unknown")
        if given.used:
            raise CodeError("used")
        if now - given.given_at >= CODE_LIFE[flavour]:
            raise CodeError("expired")
        if given.redirect_uri != redirect_uri:
            raise CodeError("redirect_uri")
        given.used = True
        return self._book.issue(given.consent, code, now)

    def _person(self, flavour: Flavour, answer: Answer) -> Account | None:
        if answer.ig_user_id is not None:
            return self._world.find(answer.ig_user_id)
        never_came = (account for account in self._world.troubled() if not self._book.grants(account))
        everyone = chain(never_came, self._world.accounts())
        return next((account for account in everyone if account.flavour == flavour), None)

    def _consent(self, account: Account, asked: Asked, declined: tuple[str, ...], now: datetime) -> Grant:
        """What an account's owner allows, on facebook together with what was allowed before."""
        before = self._book.latest(account)
        if before is not None and before.ended is not None and before.ended.event == "revoked":
            before = None
        held, refused = ((), ()) if before is None else (before.scopes(now), before.declined)
        if account.flavour == "instagram":
            held = ()
        if account.flavour == "instagram" or asked.again:
            refused = ()  # who declined a permission on facebook is not asked for it again unless the app wants it so
        refused = tuple(dict.fromkeys((*refused, *(scope for scope in asked.scopes if scope in declined))))
        return Grant(
            token="",
            account=account,
            kind="USER",
            issued_at=now,
            expires_at=None,
            data_access_expires_at=self._data_access(account, before, asked, now),
            granted=tuple(scope for scope in dict.fromkeys((*held, *asked.scopes)) if scope not in refused),
            declined=refused,
            sign_in=len(self._book.ends(account)),
        )

    @staticmethod
    def _data_access(account: Account, before: Grant | None, asked: Asked, now: datetime) -> datetime | None:
        if account.flavour == "instagram":
            return None
        if before is None or asked.renews_data_access:
            return now + DATA_ACCESS_LIFE
        return before.data_access_expires_at
