"""The world's accounts as the file that `storykeep accounts import` reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from storykeep.sandbox.tokens import TokenBook
from storykeep.sandbox.world.accounts import Account, World

_COLUMNS = (
    "login_flavour",
    "ig_user_id",
    "username",
    "access_token",
    "token_expires_at",
    "data_access_expires_at",
    "page_id",
    "page_access_token",
    "creator",
)


def accounts_csv(world: World, book: TokenBook) -> Iterator[str]:
    """The header and a line for every account, with its first token; no consent is an empty token."""
    yield _line(_COLUMNS)
    for account in world.accounts():
        yield _line(_row(account, book))


def _row(account: Account, book: TokenBook) -> tuple[str, ...]:
    grant, page = book.first(account), book.page(account)
    return (
        account.flavour,
        account.ig_user_id,
        account.username,
        grant.token if grant else "",
        _iso(grant.expires_at) if grant else "",
        _iso(grant.data_access_expires_at) if grant else "",
        account.page_id if page else "",
        page.token if page else "",
        account.creator,
    )


def _line(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _iso(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at is not None else ""
