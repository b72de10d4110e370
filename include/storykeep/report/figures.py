"""Figures in words. A count is known, withheld or unknown; none of the three is ever shown as another."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal

# The API gives no numbers of a story that fewer than five people saw.
WITHHELD_UPPER = 4
UNKNOWN = "unknown"
# Where a figure has no meaning, as the final share of stories that still run.
NONE = "-"


@dataclass(frozen=True)
class Count:
    """A sum over stories: what is known of it, and of how many stories it is withheld or unknown.

    `known` is None when no story has a known count.
    """

    known: int | None
    withheld: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        """One line per kind: `1,234`, `+0-8 withheld`, `+ unknown x2`."""
        lines = [] if self.known is None else [f"{self.known:,}"]
        if self.withheld:
            lines.append(f"{'+' if lines else ''}0-{WITHHELD_UPPER * self.withheld} withheld")
        if self.unknown or not lines:
            times = f" x{self.unknown}" if self.unknown > 1 else ""
            lines.append(f"{'+ ' if lines else ''}{UNKNOWN}{times}")
        return "\n".join(lines)


def story_count(value: int | None, is_withheld: bool) -> Count:
    """The count of one story."""
    return Count(value, withheld=int(is_withheld))


def interactions(total: int | None, withheld: int) -> str:
    """A sum of interactions. The views beside it tell how many stories are missing in it."""
    return str(Count(None, withheld)) if total is None else f"{total:,}"


def bare_count(value: int | None, is_withheld: bool) -> str:
    """The count of one story, where another column or a note says what 0-4 means."""
    return span(0, WITHHELD_UPPER) if is_withheld else whole(value)


def whole(value: int | None) -> str:
    """A whole number with thousands apart."""
    return UNKNOWN if value is None else f"{value:,}"


def span(lower: int | None, upper: int | None) -> str:
    """A number that is only known to lie between two bounds."""
    if lower is None or upper is None:
        return UNKNOWN
    return whole(lower) if lower == upper else f"{lower:,}-{upper:,}"


def percent(share: Decimal | float | None, places: int = 1) -> str:
    """A share between 0 and 1 in percent, rounded down: 100 % is only what is whole."""
    if share is None:
        return UNKNOWN
    if 0 < share < Decimal(1).scaleb(-places - 2):
        return f"< {Decimal(1).scaleb(-places)} %"
    value = (Decimal(str(share)) * 100).quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR)
    return f"{value.normalize():f} %" if value == value.to_integral_value() else f"{value} %"


def money(amount: Decimal | None, currency: str, places: int = 0) -> str:
    """An amount with its currency in front."""
    return UNKNOWN if amount is None else f"{currency} {amount:,.{places}f}"


def duration(length: timedelta) -> str:
    """A length of time in its two largest units, such as `26 h 10 min`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 story`, `2 stories`; `many` is `one` with an s where it is not given."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
