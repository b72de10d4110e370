"""When to ask again: only after a failure of the moment, and never for long."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from storykeep.graph.errors import TransientError, UnreachableError
from storykeep.graph.replies import Result

FIRST_WAIT = 0.25
LONGEST_WAIT = 2.0


@dataclass(frozen=True)
class Retry:
    """Bounded in attempts and in seconds (no attempt starts after them); waits are jittered so that
    many accounts that failed together do not come back together. The next tick is the long retry.
    """

    attempts: int = 3
    seconds: float = 8.0
    sleep: Callable[[float], None] = time.sleep
    rng: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic

    def result(self, send: Callable[[], Result]) -> Result:
        """Call `send` until its result is anything but a failure of the moment."""
        end = self.monotonic() + self.seconds
        result = send()
        for attempt in range(1, self.attempts):
            wait = self.wait(attempt)
            if not is_worth_another(result) or self.monotonic() + wait > end:
                break
            self.sleep(wait)
            result = send()
        return result

    def wait(self, attempt: int) -> float:
        """Seconds to let pass after the given attempt: between a half and the whole of a doubling step."""
        return float(min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (0.5 + self.rng() / 2))


def is_worth_another(result: Result) -> bool:
    """Whether asking again soon may give something else."""
    if isinstance(result.error, UnreachableError):
        return result.error.sent
    return isinstance(result.error, TransientError)
