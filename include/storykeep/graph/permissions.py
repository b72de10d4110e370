"""What a creator has granted the app, and giving it back (facebook only: Instagram Login has no such edge)."""

from pydantic import SecretStr

from storykeep.graph.asks import Ask
from storykeep.graph.client import GraphClient
from storykeep.graph.paging import walk
from storykeep.graph.values import confirm, text

_EDGE = "me/permissions"


def permissions(client: GraphClient, token: SecretStr) -> dict[str, str]:
    """The status of each permission that was ever asked for: granted, declined, expired or a word yet unknown.

    Raises GraphError.
    """
    rows = walk(client.get, Ask(None, token, _EDGE, {"limit": "100"}, pool="me"))
    named = ((text(row.get("permission")), text(row.get("status"))) for row in rows if isinstance(row, dict))
    return {name: status for name, status in named if name and status}


def revoke(client: GraphClient, token: SecretStr, permission: str | None = None) -> None:
    """Give back one permission, or all of them, which removes the app from the creator's account.

    Raises GraphError, also when the API does not confirm it.
    """
    params = {"permission": permission} if permission else {}
    confirm(client.fetch(f"{client.api.version}/{_EDGE}", params, token=token, method="DELETE"))
