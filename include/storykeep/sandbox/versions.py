"""Which versions of the Graph API answer, and which one does when it is another."""

from __future__ import annotations

from datetime import UTC, datetime

from storykeep.sandbox.calls import VERSION

_LONGEST = len("v999.99")
# from the oldest; the newest has no end yet
_LIVE_UNTIL = {
    "v21.0": datetime(2027, 1, 21, tzinfo=UTC),
    "v22.0": datetime(2027, 5, 20, tzinfo=UTC),
    "v23.0": datetime(2027, 10, 8, tzinfo=UTC),
    "v24.0": datetime(2028, 2, 18, tzinfo=UTC),
    "v25.0": datetime(2028, 7, 29, tzinfo=UTC),
    VERSION: None,
}


def served(asked: str, now: datetime) -> str | None:
    """The version that answers: the asked one, or the oldest live one for a retired one; None if there is no such."""
    if len(asked) > _LONGEST:
        return None
    oldest = next(version for version, end in _LIVE_UNTIL.items() if end is None or now < end)
    if _number(asked) < _number(oldest):
        return oldest
    return asked if asked in _LIVE_UNTIL else None


def _number(version: str) -> tuple[int, int]:
    major, _, minor = version.removeprefix("v").partition(".")
    return int(major), int(minor)
