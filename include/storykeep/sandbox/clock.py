"""The virtual clock: the sandbox's only source of "now"."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from storykeep.errors import StorykeepError
from storykeep.sandbox.world.accounts import END, check_year

FASTEST = 1_000_000
"""The highest speed: a year in half a minute."""


class VirtualClock:
    """A clock that can be set, and run at any speed; at the end of the last year of the world it stands still.

    Args:
        start: its first reading, timezone-aware.
        speed: virtual seconds per real second; 0 is frozen.
        monotonic: real seconds, ever growing.

    Raises:
        StorykeepError: a start or a speed that cannot be.
    """

    def __init__(self, start: datetime, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.set(start, speed)

    @property
    def speed(self) -> float:
        """Virtual seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """The virtual present, UTC."""
        passed = timedelta(seconds=(self._monotonic() - self._since) * self._speed)
        return self._base + min(passed, END - self._base)

    def set(self, at: datetime, speed: float) -> None:
        """Jump to a moment, backwards too, and run on from there.

        Raises:
            StorykeepError: a moment or a speed that cannot be; the clock goes on as before.
        """
        check_year(at)
        if not 0 <= speed <= FASTEST:
            raise StorykeepError(f"no clock runs at {speed}", remedy=f"choose a speed from 0 to {FASTEST}")
        self._base, self._since, self._speed = at, self._monotonic(), speed
