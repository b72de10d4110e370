"""The two ends of the dialog: the address that a creator opens, and the one that the browser is sent back to."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

from storykeep.accounts.signin.scopes import asked_scopes
from storykeep.errors import StorykeepError
from storykeep.settings import GraphSettings

_LOCAL = ("localhost", "127.0.0.1", "::1")
_OURS = ("code", "state", "error")


@dataclass(frozen=True)
class Callback:
    """What a browser brought back to an address: a code, or the dialog's `error`. Neither code nor state is shown.

    `brought` are the other parameters, which the redirect URI may have had itself.
    """

    address: str
    brought: tuple[tuple[str, str], ...] = field(repr=False)
    state: SecretStr
    code: SecretStr | None
    error: str | None = None
    error_text: str = field(default="", repr=False)


def check_redirect_uri(uri: str) -> None:
    """Raises StorykeepError unless a code may be sent there: https (or this machine), no fragment, no answer in it."""
    try:
        parts = urlsplit(uri)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
        is_good = is_safe and bool(parts.hostname) and not parts.fragment and uri.isprintable() and " " not in uri
        is_good = (
            is_good and not parts.username and not set(_OURS) & parse_qs(parts.query, keep_blank_values=True).keys()
        )
    except ValueError:
        is_good = False
    if not is_good:
        raise StorykeepError(
            f"{uri!r} is no address to come back to",
            where="redirect URI",
            remedy="give the https address, letter for letter, that the app's settings at Meta list",
        )


def authorize_url(api: GraphSettings, redirect_uri: str, state: SecretStr) -> str:
    """The address of the dialog.

    On facebook it asks again for what was declined before, and begins the 90 days of data access anew: nothing else
    does that.
    """
    params = {
        "client_id": api.app_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": ",".join(asked_scopes(api.flavour)),
        "state": state.get_secret_value(),
    }
    if api.flavour == "facebook":
        params["auth_type"] = "rerequest,reauthorize"
    return f"{api.dialog_url}?{urlencode(params)}"


def read_callback(address: str) -> Callback:
    """Take the address of the page apart on which a browser arrived.

    Raises StorykeepError, which never quotes it, when it does not come from the dialog.
    """
    try:
        parts = urlsplit(address.strip())
        told = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        parts, told = urlsplit(""), {}
    values = {name: told[name][0] for name in _OURS if len(told.get(name, ())) == 1 and told[name][0]}
    if "state" not in values or ("code" in values) == ("error" in values):
        raise StorykeepError(
            "this is not where the dialog leads back to",
            where="callback",
            remedy="copy the whole address of the page on which the dialog ended, with its code and state",
        )
    code = values.get("code")
    return Callback(
        address=_place(parts),
        brought=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        state=SecretStr(values["state"]),
        code=SecretStr(code) if code else None,
        error=values.get("error"),
        error_text=next(iter(told.get("error_description", ())), ""),
    )


def leads_to(callback: Callback, redirect_uri: str) -> bool:
    """Whether the browser arrived where the dialog was told to send it."""
    parts = urlsplit(redirect_uri)
    own = parse_qsl(parts.query, keep_blank_values=True)
    return callback.address == _place(parts) and set(own) <= set(callback.brought)


def _place(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path or '/'}"
