"""Remembers, for one run of asks, whom the API has told to be quiet: calls made meanwhile lengthen the block."""

from collections.abc import Iterable

from storykeep.graph.asks import Answer, Ask
from storykeep.graph.errors import Scope, ThrottledError
from storykeep.graph.usage import Pool


class Blocks:
    """The pools, or the whole app, that were throttled since this run began, or whose usage headers say that they
    are full. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._pools: dict[str, ThrottledError] = {}
        self._app: ThrottledError | None = None

    def note(self, answers: Iterable[Answer]) -> None:
        """Learn from answers. What an error says of its block counts more than what the headers say."""
        for answer in answers:
            if answer.usage:
                self._bar(answer.ask.pool, _full(answer.usage.app, "app"))
                self._bar(answer.ask.pool, _full(answer.usage.of(answer.ask.pool), "account"))
            if isinstance(answer.error, ThrottledError):
                self._bar(answer.ask.pool, answer.error)

    def of(self, ask: Ask) -> ThrottledError | None:
        """The error that stands in this ask's way, None when it may be sent."""
        return self._app or self._pools.get(ask.pool)

    def _bar(self, pool: str, error: ThrottledError | None) -> None:
        if error is None:
            return
        if error.scope == "app":
            self._app = error
        else:
            self._pools[pool] = error


def _full(pool: Pool | None, scope: Scope) -> ThrottledError | None:
    if pool is None or not pool.is_full:
        return None
    return ThrottledError(f"{pool.percent} % of the rate limit is used", scope=scope, wait=pool.wait)
