"""The Facebook Pages of the people: one with the Instagram account, and for some people others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from storykeep.sandbox.tokens import Grant, TokenBook
from storykeep.sandbox.world.accounts import MAX_ACCOUNTS, Account, World

_CATEGORIES = (("2347428775505624", "Public figure"), ("1602", "Blogger"), ("2200", "Restaurant"))
_CLASSIC = ("ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE")
_NEW = ("PROFILE_PLUS_ANALYZE", "PROFILE_PLUS_CREATE_CONTENT", "PROFILE_PLUS_FULL_CONTROL", "ANALYZE")
_MANY = 110  # more than the largest `limit`, so that the linked Page is on the second page of results


@dataclass(frozen=True, slots=True)
class Page:
    """One Page.

    Args:
        account: the account of the person who has a role on it; linked to the Page if the Page is the first of its ids.
        place: where it stands among the person's Pages.
        is_linked: whether the Instagram account is connected to it.
        is_of_business: whether a business portfolio owns it.
        category: id and name.
    """

    page_id: str
    account: Account
    place: int
    name: str
    is_linked: bool
    is_of_business: bool
    category: tuple[str, str]
    tasks: tuple[str, ...]


class Pages:
    """All Pages, each made when asked for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def of(self, account: Account) -> Iterator[Page]:
        """The Pages of the person behind a facebook account, in the order of `/me/accounts`."""
        others = _others(account)
        before_linked = others if others == _MANY else others // 2
        for place in range(others + 1):
            # Number 0 is the linked Page, wherever it stands.
            number = 0 if place == before_linked else place + (place < before_linked)
            yield self._make(account, number, place)

    def find(self, page_id: str) -> Page | None:
        """The Page of an id."""
        number = self._world.pages.decode(page_id)
        if number is None or number % MAX_ACCOUNTS >= self._world.size:
            return None
        account = self._world.account(number % MAX_ACCOUNTS)
        if account.flavour == "instagram":
            return None
        return next((page for page in self.of(account) if page.page_id == page_id), None)

    def _make(self, account: Account, number: int, place: int) -> Page:
        return Page(
            page_id=self._world.pages.encode(number * MAX_ACCOUNTS + account.number),
            account=account,
            place=place,
            name=f"{account.name} {number + 1}" if number else account.name,
            is_linked=number == 0,
            is_of_business=number == 0 and account.number % 10 == 8,
            category=_CATEGORIES[(account.number // 2 + number) % len(_CATEGORIES)],
            tasks=_tasks(account, number),
        )


def _others(account: Account) -> int:
    """How many Pages without an Instagram account a person has."""
    if account.number % 50 == 10:
        return _MANY
    return 2 if account.number % 10 == 2 else 0


def _tasks(account: Account, number: int) -> tuple[str, ...]:
    if number % 2:
        return ("ANALYZE",)
    return _NEW if account.number % 10 == 4 else _CLASSIC


def sees(book: TokenBook, grant: Grant, page: Page, now: datetime) -> bool:
    """Whether a token shows a Page: its person has a role on it, and a business portfolio's needs a permission."""
    if page.account.number != grant.account.number:
        return False
    if grant.kind == "PAGE":
        return grant.page_id == page.page_id
    if page.is_of_business and not grant.holds("business_management", now):
        return False
    return not page.is_linked or book.has_page_role(grant, now)
