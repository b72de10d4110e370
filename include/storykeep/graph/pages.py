"""The Facebook Pages of a creator, through which the facebook flavour finds the Instagram accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from storykeep.graph.asks import Ask
from storykeep.graph.client import GraphClient
from storykeep.graph.paging import walk
from storykeep.graph.values import text, text_id, texts, token_of

_NO_SUCH_USER = 110
_LINKS = ("instagram_business_account", "connected_instagram_account")
_FIELDS = ",".join(("id,name,access_token,tasks", *(f"{link}{{id,username}}" for link in _LINKS)))


@dataclass(frozen=True)
class Page:
    """One Page: its own token (None if the creator has none), what the creator may do on it (`ANALYZE` for insights),
    and the professional account that is linked to it, None where none is.

    `is_confirmed` is False while the Page calls the account connected, but not its business account.
    """

    page_id: str
    name: str | None
    token: SecretStr | None
    tasks: tuple[str, ...]
    ig_user_id: str | None
    ig_username: str | None
    is_confirmed: bool = True


def pages(client: GraphClient, token: SecretStr) -> list[Page]:
    """Every Page that the creator let the app see. A row without an id is no Page. Raises GraphError.

    It may be empty although the permissions look right: the Pages were not ticked in the dialog, or belong to
    a business portfolio (then business_management is needed), or the creator has no task on them.
    """
    rows = walk(client.get, Ask(None, token, "me/accounts", {"fields": _FIELDS, "limit": "100"}, pool="me"))
    found = (_page(row) for row in rows if isinstance(row, dict))
    return [page for page in found if page is not None]


def is_professional(client: GraphClient, token: SecretStr, ig_user_id: str, username: str) -> bool:
    """Whether there is a professional account with this handle, which need not be the creator's.

    Asked as `ig_user_id`, any professional account that the token reaches. Raises GraphError.
    """
    fields = {"fields": f"business_discovery.username({username}){{id}}"}
    error = client.get(Ask(None, token, quote(ig_user_id, safe=""), fields, pool="me")).error
    if error is not None and error.code != _NO_SUCH_USER:
        raise error
    return error is None


def _page(row: Mapping[str, Any]) -> Page | None:
    page_id = text_id(row.get("id"))
    if page_id is None:
        return None
    linked = next((link for name in _LINKS if text_id((link := _object(row.get(name))).get("id"))), {})
    return Page(
        page_id=page_id,
        name=text(row.get("name")),
        token=token_of(row.get("access_token")),
        tasks=texts(row.get("tasks")) or (),
        ig_user_id=text_id(linked.get("id")),
        ig_username=text(linked.get("username")),
        is_confirmed=not linked or text_id(_object(row.get(_LINKS[0])).get("id")) is not None,
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
