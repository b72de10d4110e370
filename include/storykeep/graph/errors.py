"""What can go wrong on the Graph API, by what has to be done about it.

GraphError
├── TransientError            ask again soon (the client has already done so a few times)
│   └── UnreachableError      no whole reply came: no connection, no answer in time, cut off
├── ThrottledError            send nothing to this account (or app) until the wait is over
├── WithheldError             fewer than 5 viewers: a state of the data; ask again until the story ends
├── RefusedError              the same request will be refused again: this metric, media or parameter
├── GoneError                 not there or not ours to see; believe it only when it repeats
├── ReconnectError            the token is no use: the creator has to sign in again
├── PermissionMissingError    the token lacks a permission
├── RequestError              our request or the app's set-up is wrong
└── UnreadableError           the reply is no reply: HTML, cut, not JSON, the wrong shape

One table decides, on code and subcode. Messages are translated by Meta and reworded, so texts decide
only where nothing else does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

from storykeep.errors import StorykeepError
from storykeep.graph.redact import redact

Reason = Literal[
    "token_expired",
    "password_changed",
    "app_removed",
    "checkpointed",
    "unconfirmed_user",
    "logged_out",
    "page_role_lost",
    "token_invalid",
]
Scope = Literal["account", "app"]


class GraphError(StorykeepError):
    """Any failure of the Graph API. `message` holds no secret; code, subcode and status are None when unknown."""

    def __init__(
        self, message: str, *, code: int | None = None, subcode: int | None = None, status: int | None = None
    ) -> None:
        self.message = message
        self.code = code
        self.subcode = subcode
        self.status = status
        super().__init__(message)


class TransientError(GraphError):
    """A failure of the moment."""


class UnreachableError(TransientError):
    """No whole reply came. `sent` is False when nothing was tried, since the API was just found out of reach."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class ThrottledError(GraphError):
    """Too many calls, by one account or by the whole app; `wait` is the API's own estimate, None when it gave none."""

    def __init__(self, message: str, *, scope: Scope, wait: timedelta | None = None, **codes: int | None) -> None:
        super().__init__(message, **codes)
        self.scope: Scope = scope
        self.wait = wait


class WithheldError(GraphError):
    """Instagram keeps the numbers of a story with fewer than 5 viewers to itself."""


class RefusedError(GraphError):
    """Permanent for this request: a metric that this media has not, or media that never had insights."""


class GoneError(GraphError):
    """The object is missing or out of sight. Known to be a throttle in disguise when many fail at once."""


class ReconnectError(GraphError):
    """The token is dead, for a reason that the creator can be told."""

    def __init__(self, message: str, *, reason: Reason, **codes: int | None) -> None:
        super().__init__(message, **codes)
        self.reason: Reason = reason


class PermissionMissingError(GraphError):
    """The token is alive but may not do this; `scope` is the permission that the request needs ("" if unknown)."""

    def __init__(self, message: str, *, scope: str, **codes: int | None) -> None:
        super().__init__(message, **codes)
        self.scope = scope


class RequestError(GraphError):
    """The request or the app is at fault, for every account alike."""


class UnreadableError(GraphError):
    """The reply cannot be read; `raw` is what came, byte for byte."""

    def __init__(self, message: str, *, raw: bytes = b"", status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.raw = raw


@dataclass(frozen=True)
class Rule:
    """One row of the table. A code or subcode of None matches any; a text must stand in the message, in any case."""

    code: int | None
    subcode: int | None
    text: str
    kind: type[GraphError]
    why: str
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def matches(self, code: int | None, subcode: int | None, message: str) -> bool:
        """Whether an error belongs to this row."""
        return self.code in (None, code) and self.subcode in (None, subcode) and self.text in message.lower()


def _throttled(code: int, scope: Scope, why: str, **details: Any) -> Rule:
    return Rule(code, None, "", ThrottledError, why, {"scope": scope, **details})


def _reconnect(code: int, subcode: int | None, reason: Reason, why: str) -> Rule:
    return Rule(code, subcode, "", ReconnectError, why, {"reason": reason})


# The first row that matches decides, so a code's particular cases stand before its general one.
RULES: tuple[Rule, ...] = (
    # Seen with this subcode on many stories, but its code was never written down.
    Rule(None, 2207086, "", RefusedError, "facebook_views of media that was not shared to Facebook"),
    Rule(1, None, "", TransientError, "unknown error, or too much data asked for at once"),
    Rule(2, None, "", TransientError, "service unavailable"),
    Rule(3, None, "", RequestError, "the app lacks a capability"),
    _throttled(4, "app", "request limit of the app"),
    Rule(10, None, "not enough viewers", WithheldError, "same code as a missing permission: only the text tells"),
    Rule(10, None, "", PermissionMissingError, "permission not granted"),
    _throttled(17, "account", "request limit of the user"),
    Rule(24, 2207006, "", GoneError, "media not found, or no permission to see it"),
    _throttled(32, "account", "request limit of the Page"),
    # A parameter's name is not translated. Without this row a wrong app secret would look as if every
    # metric of every story were refused for good.
    Rule(100, None, "appsecret_proof", RequestError, "the app secret does not fit the app"),
    Rule(100, 33, "", GoneError, "missing, no permission, or a throttle in disguise"),
    Rule(100, 2108006, "", RefusedError, "media from before the account became professional"),
    Rule(100, None, "", RefusedError, "bad parameter, field or metric: ask metric by metric"),
    _reconnect(102, None, "token_invalid", "session invalid"),
    Rule(104, None, "", RequestError, "token or signature missing from the request"),
    _reconnect(190, 458, "app_removed", "the creator removed the app"),
    _reconnect(190, 459, "checkpointed", "the creator has to pass a checkpoint at Meta"),
    _reconnect(190, 460, "password_changed", "password changed or session reset"),
    _reconnect(190, 463, "token_expired", "token past its end"),
    _reconnect(190, 464, "unconfirmed_user", "the creator has to confirm the Meta account"),
    _reconnect(190, 467, "logged_out", "token invalidated, such as by a logout"),
    _reconnect(190, 492, "page_role_lost", "the creator lost the role on the Page"),
    _reconnect(190, None, "token_invalid", "token malformed, of the other flavour, or dead for a reason not given"),
    *(Rule(code, None, "", PermissionMissingError, "a specific permission") for code in range(200, 300)),
    _throttled(341, "app", "temporary limit of the app"),
    _throttled(368, "account", "blocked for policy: hours, not minutes", wait=timedelta(hours=6)),
    _throttled(613, "account", "custom request limit"),
    Rule(803, None, "", GoneError, "no such id"),
    Rule(2500, None, "", RequestError, "unknown path, or no active token"),
    Rule(2635, None, "", RequestError, "API version no longer served"),
    _throttled(80001, "account", "business use case limit, Page"),
    _throttled(80002, "account", "business use case limit, Instagram account"),
)


def classify(
    status: int, body: Any, *, scope: str = "", wait: timedelta | None = None, secrets: Iterable[str] = ()
) -> GraphError:
    """The error that a reply stands for, whatever JSON it is.

    `scope` is the permission that the request needs, `wait` the regain estimate of the reply's headers;
    `secrets` are values that the message may echo and must lose.
    """
    envelope = _envelope(body)
    code, subcode = _number(envelope.get("code")), _number(envelope.get("error_subcode", envelope.get("subcode")))
    message = _message(envelope) or f"HTTP {status} without an error message"
    known = {"code": code, "subcode": subcode, "status": status}
    found = next((rule for rule in RULES if rule.matches(code, subcode, message)), None)
    message = redact(message, secrets)
    if found is None:
        return _by_status(status, message, known, transient=envelope.get("is_transient") is True, wait=wait)
    details = dict(found.details)
    if found.kind is ThrottledError:
        details = {"wait": wait, **details}
    elif found.kind is PermissionMissingError:
        details = {"scope": scope}
    return found.kind(message, **details, **known)


def _by_status(
    status: int, message: str, known: dict[str, int | None], *, transient: bool, wait: timedelta | None
) -> GraphError:
    """Without a known code the HTTP status is all there is. A 429 of unknown reach costs only the account."""
    if status == 429:
        return ThrottledError(message, scope="account", wait=wait, **known)
    return (TransientError if transient or status >= 500 else RequestError)(message, **known)


def _envelope(body: Any) -> Mapping[str, Any]:
    """The error object: under `error`, or the whole body, which is how the OAuth helper host writes it."""
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else body


def _message(envelope: Mapping[str, Any]) -> str:
    texts = (envelope.get(name) for name in ("message", "error_message"))
    return next((text for text in texts if isinstance(text, str)), "")


def _number(value: Any) -> int | None:
    """A code as a number, also when it came as text; None for anything that is no code."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:11])
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None
