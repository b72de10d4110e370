"""Stops a whole tick from waiting, request after request, for an API that is out of reach."""

import threading
import time
from collections.abc import Callable

from storykeep.graph.errors import UnreachableError

SILENCES = 3  # in a row, with no reply to anybody in between
REST_SECONDS = 30.0


class Breaker:
    """After a few silences in a row nothing is sent for a while; any whole reply closes the matter."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._silences = 0
        self._rest_until = 0.0

    def check(self) -> None:
        """Raises UnreachableError, with `sent` False, while the API is left alone."""
        with self._lock:
            resting = self._silences >= SILENCES and self._monotonic() < self._rest_until
        if resting:
            raise UnreachableError("not sent: the API has just been out of reach", sent=False)

    def replied(self) -> None:
        """A whole reply came, good or bad: headers alone, with a body that never follows, are silence too."""
        with self._lock:
            self._silences = 0

    def silent(self) -> None:
        """No connection, or no whole answer in time."""
        with self._lock:
            self._silences += 1
            self._rest_until = self._monotonic() + REST_SECONDS
