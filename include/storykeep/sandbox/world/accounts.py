"""The seeded world: creators and their accounts, each computed when asked for, so that 100,000 cost no memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Literal

from storykeep.errors import StorykeepError
from storykeep.sandbox.world.ids import IdSpace, draw

Flavour = Literal["facebook", "instagram"]
MAX_ACCOUNTS = 1 << 20
_FIRST_YEAR, _LAST_YEAR = 2021, 2060  # what a story id has room for
END = datetime(_LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The last moment."""

_FIRST = (  # noqa: SIM905 - as a list it is forty lines
    "Mila Noah Aiko Lena Mateo Zoe Omar Ines Felix Nora Luca Maya Theo Sofia Jonas Priya Elif Hugo Clara Kenji "
    "Amara Emil Rosa Tariq Freya Diego Yara Oscar Linnea Paulo Hana Marek Selin Rafael Ida Kofi Anouk Bruno Leila Sven"
).split()
_LAST = (  # noqa: SIM905 - as above
    "Hoffmann Silva Tanaka Keller Moreau Okafor Lindqvist Rossi Novak Haddad Jansen Costa Meyer Dubois Larsen Sato "
    "Petrov Fischer Garcia Nilsen Kaya Weber Santos Brandt Ricci Mensah Vogel Laurent Berg Iyer Schulz Romero Kowalski "
    "Bakker Fontaine Ortiz Lund Marino Steiner Park"
).split()
_SECOND_ACCOUNT = ("eats", "moves", "travels", "makes")
_EUROPE, _JAPAN = (0, 1, 2), 9


class Plight(Enum):
    """What is wrong with an account's connection."""

    NONE = "none"
    EXPIRED = "expired"  # the token ends before the present
    EXPIRING = "expiring"  # token and data access end two days after the present
    NO_INSIGHTS = "no_insights"  # the insights permission was not granted
    NO_CONSENT = "no_consent"  # the creator never connected


_PLIGHTS = {3: Plight.EXPIRED, 4: Plight.EXPIRING, 6: Plight.NO_INSIGHTS, 9: Plight.NO_CONSENT}


@dataclass(frozen=True, slots=True)
class Account:
    """One professional account; `audience` is the typical number of views of a story, in the long run."""

    number: int
    flavour: Flavour
    ig_user_id: str
    scoped_id: str
    user_id: str
    page_id: str
    username: str
    name: str
    creator: str
    plight: Plight
    utc_offset: int
    audience: float
    half_life: timedelta
    busiest_day: int

    @property
    def counts_replies(self) -> bool:
        """Replies to stories made in Europe or Japan are never counted."""
        return self.utc_offset not in (*_EUROPE, _JAPAN)


def check_year(at: datetime) -> None:
    """Look whether there is a world at a time.

    Raises:
        StorykeepError: it is too early or too late.
    """
    if not _FIRST_YEAR <= at.astimezone(UTC).year <= _LAST_YEAR:
        raise StorykeepError(f"no world is there in {at.year}", remedy=f"choose {_FIRST_YEAR} to {_LAST_YEAR}")


class World:
    """Everything that is fixed by a seed and a size.

    Args:
        accounts: how many accounts there are.
        seed: which world it is.
        start: the first moment, timezone-aware.
        history_days: days from the start to the "present", to which token lives and campaigns relate.

    Raises:
        StorykeepError: a size or history that cannot be.
    """

    def __init__(self, *, accounts: int, seed: int, start: datetime, history_days: int = 0) -> None:
        if not 1 <= accounts <= MAX_ACCOUNTS:
            raise StorykeepError(
                f"{accounts} accounts cannot be made", where="--accounts", remedy=f"ask for 1 to {MAX_ACCOUNTS}"
            )
        check_year(start)
        most_days = (END - start).days
        if not 0 <= history_days <= most_days:
            what = f"a history of {history_days} days cannot be"
            raise StorykeepError(what, where="--history-days", remedy=f"ask for 0 to {most_days}")
        self.size, self.seed, self.history_days = accounts, seed, history_days
        self.start = start.astimezone(UTC).replace(microsecond=0)
        self.present = self.start + timedelta(days=history_days)
        self.users = IdSpace(17_841_400_000_000_000, 11, seed)
        self._scoped = IdSpace(25_000_000_000_000_000, 14, seed)
        self.pages = IdSpace(100_000_000_000_000, 14, seed)
        self._people = IdSpace(10_200_000_000_000_000, 14, seed)
        self.account = lru_cache(maxsize=1 << 15)(self._make_account)

    def accounts(self) -> Iterator[Account]:
        """All accounts, in order."""
        return map(self.account, range(self.size))

    def troubled(self) -> list[Account]:
        """The accounts that have a plight."""
        return [account for account in map(self.account, _PLIGHTS) if account.plight is not Plight.NONE]

    def find(self, id_text: str) -> Account | None:
        """The account with this professional or app-scoped id."""
        for space in (self.users, self._scoped):
            number = space.decode(id_text)
            if number is not None and number < self.size:
                return self.account(number)
        return None

    def _make_account(self, number: int) -> Account:
        rng = draw(self.seed, "account", number)
        person = number - 1 if number % 10 == 1 else number  # every tenth creator has two accounts
        name, handle = self._person(person)
        if person != number:
            handle = f"{handle}.{rng.choice(_SECOND_ACCOUNT)}"
        return Account(
            number=number,
            flavour="facebook" if number % 2 == 0 else "instagram",
            ig_user_id=self.users.encode(number),
            scoped_id=self._scoped.encode(number),
            user_id=self._people.encode(person),
            page_id=self.pages.encode(number),
            username=handle,
            name=name,
            creator=name if person < len(_FIRST) * len(_LAST) else f"{name} {person}",
            plight=_PLIGHTS.get(number, Plight.NONE) if self.size >= 10 else Plight.NONE,
            utc_offset=rng.choice((*_EUROPE, *_EUROPE, _JAPAN, -8, -6, -5, -5, -3)),
            audience=rng.lognormvariate(6.6, 0.9),
            half_life=timedelta(hours=rng.uniform(4, 8)),
            busiest_day=rng.choice((3, 4, 4)),
        )

    def _person(self, number: int) -> tuple[str, str]:
        names = len(_FIRST) * len(_LAST)
        turn, place = divmod(number, names)
        scattered = (place * 997 + zlib.crc32(b"%d" % self.seed)) % names  # 997 is coprime to 1,600: no name twice
        first, last = _FIRST[scattered % len(_FIRST)], _LAST[scattered // len(_FIRST)]
        handle = f"{first}.{last}".lower() + (f"_{turn}" if turn else "")
        return f"{first} {last}", handle
