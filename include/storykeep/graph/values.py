"""Reads single values out of replies that may hold anything. None stands for what is not told or makes no sense."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from storykeep.graph.auth import is_sendable
from storykeep.graph.errors import UnreadableError


def unwrap(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object itself: documentation wraps it in `data`, alone or in a list; the live API does not."""
    data = body.get("data", body)
    if isinstance(data, list):
        data = data[0] if data else {}
    return data if isinstance(data, dict) else {}


def text(value: Any) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts, which is also written as one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        return None
    return tuple(part.strip() for part in parts if isinstance(part, str) and part.strip())


def text_id(value: Any) -> str | None:
    """An id as text that can stand in a path. A whole number keeps every digit; a float has already lost some."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value and value.isascii() and value.isprintable() else None


def token_of(value: Any) -> SecretStr | None:
    """A token that can be sent."""
    found = SecretStr(value) if isinstance(value, str) else None
    return found if found and is_sendable(found) else None


def count(value: Any) -> int | None:
    """A whole number from 0 to the end of Unix time in 32 bits, unsigned."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:11])
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else None


def unix_time(value: Any) -> datetime | None:
    """Unix seconds; 0 means never."""
    seconds = count(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def confirm(body: Mapping[str, Any]) -> None:
    """Raises UnreadableError unless the answer says that what was asked is done."""
    if body.get("success") is not True:
        raise UnreadableError("the API did not confirm with success")
