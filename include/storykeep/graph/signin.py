"""From the code that the sign-in dialog hands back to a first, short-lived token."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from storykeep.graph.client import GraphClient
from storykeep.graph.tokens import NewToken, new_token
from storykeep.graph.values import text_id, unwrap


@dataclass(frozen=True)
class SignIn:
    """The token that a code was worth, and the IG user id that it belongs to (None on facebook, which tells none)."""

    token: NewToken
    ig_user_id: str | None


def redeem(client: GraphClient, code: SecretStr, redirect_uri: str, now: datetime) -> SignIn:
    """The short-lived token (about an hour) for a code. `redirect_uri` is the dialog's, to the letter.

    A code is good for one use, so it is sent once and never again. Raises GraphError, also when the code is
    expired or used; the creator then has to pass the dialog again.
    """
    params = {
        "client_id": client.api.app_id,
        "client_secret": client.api.app_secret.get_secret_value(),
        "redirect_uri": redirect_uri,
        "code": code.get_secret_value().removesuffix("#_"),  # which the instagram dialog appends
    }
    if client.api.flavour == "facebook":
        body = client.fetch(f"{client.api.version}/oauth/access_token", params, once=True)
        return SignIn(new_token(body, now), ig_user_id=None)
    form = params | {"grant_type": "authorization_code"}
    body = client.fetch(client.api.token_url, form, method="POST", once=True)
    return SignIn(new_token(body, now), text_id(unwrap(body).get("user_id")))
