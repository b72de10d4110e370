"""Reads a reply: bytes in, a JSON object or a classified error out. Never raises on what the API sends."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from storykeep.graph.errors import GraphError, ThrottledError, TransientError, UnreadableError, classify
from storykeep.graph.redact import hide
from storykeep.graph.usage import Usage, parse_usage


@dataclass(frozen=True)
class Reply:
    """One HTTP reply, or one item of a batch's reply. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What became of one request: exactly one of body and error, and what the reply said about itself.

    Bodies and bytes may hold paging links with tokens in them, so no repr shows them. `api_time` is what the API's own
    clock showed, to the second.
    """

    body: Any = field(default=None, repr=False)
    error: GraphError | None = None
    raw: bytes = field(default=b"", repr=False)
    api_version: str | None = None
    usage: Usage | None = None
    api_time: datetime | None = None


def read(reply: Reply, *, scope: str = "", secrets: Iterable[str] = (), shape: type = dict) -> Result:
    """Judge a reply. The error envelope counts whatever the status, since Meta's statuses are not dependable."""
    usage, secrets = parse_usage(reply.headers), tuple(secrets)
    body: Any = None
    error: GraphError | None
    try:
        body = decode(reply.raw)
    except ValueError:
        error = _unreadable(reply, _looks(reply.raw), usage)
    else:
        error = _judge(reply, body, scope, secrets, shape, usage)
    raw = hide(reply.raw, secrets) if error else reply.raw  # an error may echo what was sent, and its bytes are kept
    if isinstance(error, UnreadableError):
        error.raw = raw
    return Result(
        body=None if error else body,
        error=error,
        raw=raw,
        api_version=reply.headers.get("facebook-api-version"),
        usage=usage,
        api_time=_date(reply.headers.get("date")),
    )


def _date(text: str | None) -> datetime | None:
    """An HTTP date; None when there is none, or when it is none."""
    try:
        at = parsedate_to_datetime(text or "")
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def decode(raw: bytes) -> Any:
    """JSON as Python values; integers of any size survive. Raises ValueError on anything that is not JSON."""
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _judge(
    reply: Reply, body: Any, scope: str, secrets: tuple[str, ...], shape: type, usage: Usage | None
) -> GraphError | None:
    if reply.status >= 400 or (isinstance(body, dict) and body.get("error")):
        wait = usage.wait if usage else None
        return classify(reply.status, body, scope=scope, wait=wait, secrets=secrets)
    if reply.status >= 300 or not isinstance(body, shape):
        return _unreadable(reply, f"a {type(body).__name__} where a {shape.__name__} belongs", usage)
    return None


def _unreadable(reply: Reply, what: str, usage: Usage | None) -> GraphError:
    """A gateway in trouble answers 5xx, or 429, with a page of its own: that is its state, not a bad reply.

    No body at all is what a connection that ends within the headers looks like.
    """
    message = f"HTTP {reply.status} with {what}"
    if reply.status >= 500 or not reply.raw:
        return TransientError(message, status=reply.status)
    if reply.status == 429:
        return ThrottledError(message, scope="account", wait=usage.wait if usage else None, status=429)
    return UnreadableError(message, raw=reply.raw, status=reply.status)


def _looks(raw: bytes) -> str:
    start = raw[:100].lstrip()
    if not start:
        return "an empty body"
    kind = "HTML instead of JSON" if start.startswith(b"<") else "a body that is not whole JSON"
    return f"{kind} ({len(raw)} bytes)"
