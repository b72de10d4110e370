"""A call and its reply, the same for a request of its own and for an item of a batch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from storykeep.sandbox.world.accounts import Flavour

VERSION = "v26.0"
_VERSION = re.compile(r"v\d+\.\d+")
_JSON = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `token` comes from the header, the query or the form."""

    host: Flavour
    method: str
    version: str
    segments: tuple[str, ...]
    params: dict[str, str]
    token: str | None

    @classmethod
    def make(cls, host: Flavour, method: str, path: str, params: dict[str, str], token: str | None) -> Call:
        """Take a path apart; without a version it is the default one."""
        params = {_whole(name): _plain(_whole(value)) for name, value in params.items()}
        segments = tuple(part for part in _whole(path).split("/") if part)
        token = token if token is None else _whole(token)
        if segments and _VERSION.fullmatch(segments[0]):
            return cls(host, method, segments[0], segments[1:], params, token)
        return cls(host, method, VERSION, segments, params, token)

    @property
    def path(self) -> str:
        """The path without version."""
        return "/".join(self.segments)


@dataclass(slots=True)
class Reply:
    """What goes back; `cut` ends it halfway, `lost` leaves a batch item null, `delay` holds it back (seconds)."""

    status: int
    body: str
    content_type: str = "application/json; charset=UTF-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    cut: bool = False
    lost: bool = False
    delay: float = 0.0


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole(text: str) -> str:
    """Halves of characters, which JSON can hold and no reply can, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _plain(value: str) -> str:
    """A parameter as written by most: lists may also come as JSON, as Meta's SDK sends them."""
    if not value.startswith('["'):
        return value
    try:
        members = read_json(value)
    except ValueError:
        return value
    return ",".join(map(str, members))


def to_json(body: Any) -> str:
    """Compact JSON, non-ASCII escaped as Meta does."""
    return _JSON(body)
