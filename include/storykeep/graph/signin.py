"""From the code that the sign-in dialog hands back to a first, short-lived token, and who it is that signed in."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from storykeep.graph.client import GraphClient
from storykeep.graph.errors import UnreadableError
from storykeep.graph.tokens import NewToken, new_token
from storykeep.graph.values import text, text_id, unwrap


@dataclass(frozen=True)
class SignIn:
    """The token that a code was worth, and the IG user id that it belongs to (None on facebook, which tells none)."""

    token: NewToken
    ig_user_id: str | None


@dataclass(frozen=True)
class Person:
    """Who granted a token (facebook): somebody within our app, who need not be the creator."""

    user_id: str
    name: str | None


def person(client: GraphClient, token: SecretStr) -> Person:
    """Whose token this is (facebook flavour). Raises GraphError."""
    body = client.fetch(f"{client.api.version}/me", {"fields": "id,name"}, token=token)
    user_id = text_id(body.get("id"))
    if user_id is None:
        raise UnreadableError("/me answered without an id")
    return Person(user_id, text(body.get("name")))


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
