"""Times in parameters and in bodies."""

from __future__ import annotations

from datetime import UTC, datetime

from storykeep.sandbox.errors import bad_parameter
from storykeep.sandbox.view import Params


def wire_time(at: datetime) -> str:
    """A UTC time as bodies carry it: to the second, without a colon in the offset."""
    return f"{at.isoformat()[:19]}+0000"


def read_time(params: Params, name: str) -> datetime | None:
    """The time in a parameter, None where it is not given: Unix seconds, or ISO text that is UTC unless it says.

    Raises:
        ApiError: it is neither.
    """
    text = params.get(name)
    if text is None:
        return None
    wrong = bad_parameter(f"Invalid parameter: {name} must be a valid time")
    try:
        if text.isascii() and text.isdecimal():
            at = datetime.fromtimestamp(int(text), UTC)
        else:
            at = datetime.fromisoformat(text)
            at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise wrong from None
    if not 1970 <= at.year < 3000:
        raise wrong
    return at
