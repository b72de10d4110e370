"""The virtual clock: the sandbox's only source of "now"."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class VirtualClock:
    """A clock that can be set, advanced, and run at any speed.

    Args:
        start: its first reading, timezone-aware.
        speed: virtual seconds per real second; 0 is frozen.
        monotonic: real seconds, ever growing.
    """

    def __init__(self, start: datetime, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._speed = speed
        self._restart(start)

    def _restart(self, at: datetime) -> None:
        self._base, self._since = at, self._monotonic()

    @property
    def speed(self) -> float:
        """Virtual seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """The virtual present, UTC."""
        return self._base + timedelta(seconds=(self._monotonic() - self._since) * self._speed)

    def set(self, at: datetime) -> None:
        """Jump to a moment, backwards too."""
        self._restart(at)

    def advance(self, by: timedelta) -> None:
        """Jump by an interval."""
        self._restart(self.now() + by)

    def run_at(self, speed: float) -> None:
        """Change the speed from the present moment on."""
        self._restart(self.now())
        self._speed = speed
