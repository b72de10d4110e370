"""Which webhook events of a node reach the app.

The node is, on facebook, a Page (with its own token) or an Instagram account, and `me` on instagram. All of
these calls may be repeated: subscribing twice is subscribing once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import SecretStr

from storykeep.graph.asks import Ask
from storykeep.graph.client import GraphClient
from storykeep.graph.paging import walk
from storykeep.graph.values import confirm, text, text_id, texts

# A Page refuses the names of Instagram's events; any field of its own switches all of them on.
PAGE_EVENTS = ("feed",)
ACCOUNT_EVENTS = ("story_insights",)


@dataclass(frozen=True)
class Subscription:
    """One app that gets a node's events."""

    app_id: str
    name: str | None
    events: tuple[str, ...]


def subscribe(client: GraphClient, node: str, token: SecretStr, events: Iterable[str]) -> None:
    """Have a node's events sent to the app. Raises GraphError, also when the API does not confirm it."""
    form = {"subscribed_fields": ",".join(events)}
    confirm(client.fetch(f"{client.api.version}/{_edge(node)}", form, token=token, method="POST"))


def subscriptions(client: GraphClient, node: str, token: SecretStr) -> list[Subscription]:
    """The apps that get a node's events. A row without an id is no app. Raises GraphError."""
    rows = walk(client.get, Ask(None, token, _edge(node), {}, pool=node))
    # A Page tells the app's `id`, an account its `app_id`.
    named = ((text_id(row.get("id")) or text_id(row.get("app_id")), row) for row in rows if isinstance(row, dict))
    return [
        Subscription(app_id, text(row.get("name")), texts(row.get("subscribed_fields")) or ())
        for app_id, row in named
        if app_id
    ]


def unsubscribe(client: GraphClient, node: str, token: SecretStr) -> None:
    """Have a node's events sent no more. Raises GraphError, also when the API does not confirm it."""
    confirm(client.fetch(f"{client.api.version}/{_edge(node)}", {}, token=token, method="DELETE"))


def _edge(node: str) -> str:
    return f"{quote(node, safe='')}/subscribed_apps"
