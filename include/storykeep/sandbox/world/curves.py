"""How the numbers of a story grow: cumulative, saturating, the same for the API and for the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random

REACH_LAG = timedelta(hours=1)
NAVIGATION = {
    "tap_forward": "taps_forward",
    "tap_back": "taps_back",
    "tap_exit": "exits",
    "swipe_forward": "swipes_forward",
}
ACTIONS = ("bio_link_clicked", "email", "direction", "other")

# what happens per view, from the least to the most engaging story
_RATES: Mapping[str, tuple[float, float]] = {
    "taps_forward": (0.55, 0.80),
    "taps_back": (0.02, 0.06),
    "exits": (0.05, 0.12),
    "swipes_forward": (0.02, 0.08),
    "likes": (0.01, 0.05),
    "replies": (0.002, 0.012),
    "shares": (0.001, 0.008),
    "reposts": (0.0003, 0.003),
    "follows": (0.0002, 0.002),
    "profile_visits": (0.004, 0.02),
    "link_clicks": (0.0, 0.02),
    "bio_link_clicked": (0.001, 0.006),
    "email": (0.0, 0.001),
    "direction": (0.0, 0.001),
    "other": (0.0, 0.002),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """A story's growth.

    Args:
        potential: the views it would have after an endless life.
        half_life: in which half of the rest is seen.
        viewer_share: distinct viewers per view, below 1.
        rates: events per view, by name.
    """

    potential: float
    half_life: timedelta
    viewer_share: float
    rates: Mapping[str, float]

    def numbers(self, age: timedelta) -> dict[str, int]:
        """All counts at an age: `views`, `viewers`, `reach` (viewers an hour ago), events, and their totals."""
        seen = self._seen(age)
        counts = {name: int(rate * seen) for name, rate in self.rates.items()}
        counts["views"] = int(seen)
        counts["viewers"] = int(seen * self.viewer_share)
        counts["reach"] = int(self._seen(age - REACH_LAG) * self.viewer_share)
        counts["navigation"] = sum(counts[name] for name in NAVIGATION.values())
        counts["profile_activity"] = sum(counts[name] for name in ACTIONS)
        counts["total_interactions"] = counts["likes"] + counts["replies"] + counts["shares"] + counts["reposts"]
        return counts

    def viewers(self, age: timedelta) -> int:
        """Distinct viewers at an age, which decide whether insights are withheld."""
        return int(self._seen(age) * self.viewer_share)

    def _seen(self, age: timedelta) -> float:
        half_lives = max(age / self.half_life, 0.0)
        return self.potential * (1.0 - math.exp2(-half_lives))


def grow(rng: Random, *, audience: float, half_life: timedelta, tiny: bool, counts_replies: bool) -> Growth:
    """Draw one story's growth; a tiny one never has five viewers."""
    potential = rng.uniform(2.0, 4.9) if tiny else max(40.0, audience * rng.lognormvariate(0, 0.35))
    rates = {name: rng.uniform(*bounds) for name, bounds in _RATES.items()}
    if not counts_replies:
        rates["replies"] = 0.0
    return Growth(potential, half_life, rng.uniform(0.75, 0.95), rates)
