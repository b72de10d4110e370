"""How much of its rate limit a reply says is used: the two usage headers of the Graph API."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Self

FULL = 100  # percent, from which the API throttles
LONGEST_WAIT = timedelta(hours=24)  # a longer estimate is not believed, lest one reply block a pool for weeks
_COUNTS = ("call_count", "total_time", "total_cputime")


@dataclass(frozen=True)
class Pool:
    """One rate-limit pool. `percent` is the fullest of its counters (throttling starts at 100);

    `regain_minutes` is Meta's estimate of how long a block lasts; 0 does not mean safe.
    """

    percent: int
    regain_minutes: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the next call would be throttled, and make the block longer."""
        return self.percent >= FULL

    @property
    def wait(self) -> timedelta | None:
        """The regain estimate; None when there is none."""
        return timedelta(minutes=self.regain_minutes) if self.regain_minutes else None


@dataclass(frozen=True)
class Usage:
    """What one reply said. A pool that is not named is unknown, not empty.

    `app` is the app's own pool; `pools` is keyed by IG user id or business id, as Meta sends both;
    `fullest_instagram` is the fullest row on Instagram calls, whatever id it stands under.
    """

    app: Pool | None = None
    pools: Mapping[str, Pool] = field(default_factory=dict)
    fullest_instagram: Pool | None = None

    def of(self, ig_user_id: str) -> Pool | None:
        """The pool that the asker's call counted against.

        Where only businesses are named, the fullest of their rows on Instagram calls: which is the asker's is not told.
        """
        return self.pools.get(ig_user_id, self.fullest_instagram)

    def with_app_of(self, other: "Usage") -> Self:
        """The same, with the app's pool as full as the fuller of the two tell."""
        return replace(self, app=fullest(self.app, other.app))

    @property
    def wait(self) -> timedelta | None:
        """The largest regain estimate over all pools; None when there is none."""
        minutes = max((pool.regain_minutes for pool in self._all()), default=0)
        return timedelta(minutes=minutes) if minutes else None

    def _all(self) -> list[Pool]:
        return [*self.pools.values(), *([self.app] if self.app else [])]


def fullest(*pools: Pool | None) -> Pool | None:
    """The pool with the highest percentage, the longer estimate among equals; None when none is known."""
    known = [pool for pool in pools if pool is not None]
    return max(known, key=lambda pool: (pool.percent, pool.regain_minutes), default=None)


def parse_usage(headers: Mapping[str, str]) -> Usage | None:
    """Read the usage headers (names in lower case); None when they are missing or make no sense."""
    app = _pool([_object(headers.get("x-app-usage"))])
    business = _object(headers.get("x-business-use-case-usage"))
    pools = {name: pool for name, rows in business.items() if (pool := _pool(rows))}
    instagram = fullest(*(_pool(_on_instagram(rows)) for rows in business.values()))
    return Usage(app, pools, instagram) if app or pools else None


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _on_instagram(rows: Any) -> list[Any]:
    found = rows if isinstance(rows, list) else []
    return [row for row in found if isinstance(row, dict) and row.get("type") == "instagram"]


def _pool(rows: Any) -> Pool | None:
    """The fullest of the rows that Meta gives for one id; None when no row holds a counter."""
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    counted = [row for row in found if any(name in row for name in _COUNTS)]
    if not counted:
        return None
    return Pool(
        percent=_largest(row.get(name) for row in counted for name in _COUNTS),
        regain_minutes=min(
            _largest(row.get("estimated_time_to_regain_access") for row in counted),
            LONGEST_WAIT // timedelta(minutes=1),
        ),
    )


def _largest(values: Iterable[Any]) -> int:
    """The largest count among the values; what is beyond all bounds is nonsense and no count."""
    counts = (value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    return max((int(value) for value in counts if 0 <= value <= 100_000), default=0)
