"""The only source of "now". Everything that needs the time is handed a Clock."""

from collections.abc import Callable
from datetime import UTC, datetime

from storykeep.errors import StorykeepError

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def fixed_clock(at: datetime) -> Clock:
    """A clock that stands still at `at`, for replays and tests."""
    return lambda: at


def parse_time(text: str, *, where: str = "") -> datetime:
    """Read an ISO 8601 time; a time without an offset is UTC.

    Accepts the offset without a colon that the Graph API writes (`2026-11-21T10:15:00+0000`).
    Raises StorykeepError when the text is not a time.
    """
    try:
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: a time at the edge of the calendar that has no UTC
        raise StorykeepError(
            f"{text!r} is not a time", where=where, remedy="write it like 2026-11-21T10:15:00Z"
        ) from None
