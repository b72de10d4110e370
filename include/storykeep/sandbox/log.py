"""What was asked and answered: the log that tests and benchmarks read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Tally:
    """Calls of one kind; `bytes` is the length of the replies' bodies."""

    requests: int = 0
    batch_items: int = 0
    bytes: int = 0


class Log:
    """Counts every request and every batch item, by endpoint and account."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._tallies: defaultdict[tuple[str, str | None], Tally] = defaultdict(Tally)

    def count(self, endpoint: str, ig_user_id: str | None, size: int, *, in_batch: bool) -> None:
        """Note one call and the bytes of its reply; those of a batch count for its items and for itself."""
        tally = self._tallies[endpoint, ig_user_id]
        tally.bytes += size
        if in_batch:
            tally.batch_items += 1
        else:
            tally.requests += 1

    def report(self) -> dict[str, Any]:
        """Totals, and a row per endpoint and account."""
        rows = sorted(self._tallies.items(), key=str)
        return {
            "requests": sum(tally.requests for _, tally in rows),
            "batch_items": sum(tally.batch_items for _, tally in rows),
            "calls": [
                {"endpoint": endpoint, "ig_user_id": owner, **asdict(tally)} for (endpoint, owner), tally in rows
            ],
        }
