"""How a request proves itself: the bearer header, the app's own token, and the app secret proof."""

import hmac

from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

from storykeep.settings import GraphSettings


class Bearer(AuthBase):
    """Puts the token in the Authorization header; None sends no header (and keeps ~/.netrc out of it)."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Called by requests on the prepared request."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


def app_token(api: GraphSettings) -> SecretStr:
    """The token of the app itself, `id|secret`."""
    return SecretStr(f"{api.app_id}|{api.app_secret.get_secret_value()}")


def proof(api: GraphSettings, token: SecretStr) -> dict[str, str]:
    """The `appsecret_proof` parameter of a token: facebook takes it on every call, instagram on none."""
    if api.flavour != "facebook":
        return {}
    key, message = api.app_secret.get_secret_value(), token.get_secret_value()
    return {"appsecret_proof": hmac.digest(key.encode(), message.encode(), "sha256").hex()}


def is_sendable(token: SecretStr) -> bool:
    """Whether a text can be a token at all.

    An empty one would make a batch item fall back to the app's token; control characters break the header.
    """
    text = token.get_secret_value()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
