"""Checks what a person says about how a file is to be read."""

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from storykeep.entries.entry import Reading
from storykeep.entries.kinds import KINDS, Kind
from storykeep.errors import StorykeepError

# Each part of it is another number, so that a format which loses one does not bring it back.
_PROBE = datetime(2021, 11, 22, 17, 45)


def reading(
    kind: str | None, decimal: str | None = None, date_format: str | None = None, time_zone: str = "UTC"
) -> Reading:
    """How to read a file; what is None is left to the file. Raises StorykeepError for what makes no sense."""
    if time_zone not in available_timezones():
        raise StorykeepError(f"{time_zone!r} is no time zone", where="--time-zone", remedy="write Europe/Berlin")
    if decimal not in (None, ".", ","):
        raise StorykeepError(f"{decimal!r} is no decimal sign", where="--decimal", remedy="it is . or ,")
    if date_format is not None and not _is_whole(date_format):
        raise StorykeepError(
            f"{date_format!r} does not say day, month, year, hour and minute",
            where="--date-format",
            remedy="write '%d/%m/%Y %H:%M' or '%m/%d/%Y %I:%M %p'",
        )
    return Reading(_kind(kind), "." if decimal == "." else "," if decimal else None, date_format, ZoneInfo(time_zone))


def _kind(text: str | None) -> Kind | None:
    for kind in KINDS:
        if text == kind:
            return kind
    if text:
        raise StorykeepError(f"there is no kind {text!r}", where="--kind", remedy=f"one of {', '.join(KINDS)}")
    return None


def _is_whole(date_format: str) -> bool:
    """Whether a moment that is written in this format can be read again."""
    try:
        return datetime.strptime(_PROBE.strftime(date_format), date_format).replace(tzinfo=None) == _PROBE
    except ValueError:
        return False
