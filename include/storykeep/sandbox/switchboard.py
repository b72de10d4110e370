"""Sets the switches while the sandbox runs, each only to a value of its type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin, get_type_hints

from storykeep.errors import StorykeepError
from storykeep.sandbox import switches

_LIKELIEST = {name: value for name, value in vars(switches).items() if name.isupper()}
_LEAST = {"MAX_PAGE": 1, "LEAST_IMPRESSIONS": 1}
_LONGEST = timedelta(days=365)
_TYPES = get_type_hints(switches)


def report() -> dict[str, Any]:
    """Every switch and how it stands; intervals in seconds."""
    return {name: _as_json(getattr(switches, name)) for name in _LIKELIEST}


def change(values: Mapping[str, Any], where: str) -> None:
    """Set some switches, or none if one of the values cannot be.

    Raises:
        StorykeepError: no such switch, or not a value of its type.
    """
    for name, value in {name: _read(name, value, where) for name, value in values.items()}.items():
        setattr(switches, name, value)


def reset() -> None:
    """Set every switch to its likeliest value."""
    for name, value in _LIKELIEST.items():
        setattr(switches, name, value)


def _read(name: str, value: Any, where: str) -> Any:
    if name not in _LIKELIEST:
        raise StorykeepError(f"no such switch: {name}", where=where, remedy=f"use one of {', '.join(_LIKELIEST)}")
    likeliest, hint = _LIKELIEST[name], _TYPES.get(name)
    if get_origin(hint) is Literal:
        fits, remedy = value in get_args(hint), f"use one of {', '.join(map(repr, get_args(hint)))}"
    elif isinstance(likeliest, bool):
        fits, remedy = isinstance(value, bool), "use true or false"
    elif isinstance(likeliest, timedelta):
        longest = int(_LONGEST.total_seconds())
        fits, remedy = _is_count(value) and value <= longest, f"use seconds, up to {longest}"
    else:
        least = _LEAST.get(name, 0)
        fits, remedy = _is_count(value) and value >= least, f"use a whole number from {least}"
    if not fits:
        raise StorykeepError(f"{name} cannot be {value!r}", where=where, remedy=remedy)
    return timedelta(seconds=value) if isinstance(likeliest, timedelta) else value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _as_json(value: Any) -> Any:
    return int(value.total_seconds()) if isinstance(value, timedelta) else value
