"""Remembers, for one run of asks, whom the API has told to be quiet: calls made meanwhile lengthen the block."""

from collections.abc import Iterable

from storykeep.graph.asks import Answer, Ask
from storykeep.graph.errors import ThrottledError


class Blocks:
    """The pools, or the whole app, that were throttled since this run began. Safe to share between threads."""

    def __init__(self) -> None:
        self._pools: dict[str, ThrottledError] = {}
        self._app: ThrottledError | None = None

    def note(self, answers: Iterable[Answer]) -> None:
        """Learn from answers."""
        for answer in answers:
            if not isinstance(answer.error, ThrottledError):
                continue
            if answer.error.scope == "app":
                self._app = answer.error
            else:
                self._pools[answer.ask.pool] = answer.error

    def of(self, ask: Ask) -> ThrottledError | None:
        """The error that stands in this ask's way, None when it may be sent."""
        return self._app or self._pools.get(ask.pool)
