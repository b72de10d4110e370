"""How the numbers of a story or a post grow: saturating, the same for the API and for the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random

REACH_LAG = timedelta(hours=1)
UNDONE_LAG = timedelta(hours=2)
UNDONE_SHARE = 0.06
NAVIGATION = {
    "tap_forward": "taps_forward",
    "tap_back": "taps_back",
    "tap_exit": "exits",
    "swipe_forward": "swipes_forward",
}
ACTIONS = ("bio_link_clicked", "call", "direction", "email", "text", "other")
INTERACTIONS = ("likes", "comments", "saved", "replies", "shares", "reposts")

Rates = Mapping[str, tuple[float, float]]

# what happens per view, from the least to the most engaging story
_STORY: Rates = {
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
# the same of a post
_POST: Rates = {
    "likes": (0.02, 0.12),
    "comments": (0.001, 0.01),
    "saved": (0.002, 0.02),
    "shares": (0.002, 0.015),
    "reposts": (0.0005, 0.005),
    "follows": (0.0005, 0.004),
    "profile_visits": (0.004, 0.02),
    "bio_link_clicked": (0.0005, 0.004),
    "call": (0.0, 0.0005),
    "direction": (0.0, 0.0005),
    "email": (0.0, 0.001),
    "text": (0.0, 0.0005),
    "other": (0.0, 0.001),
}


def _spans(rates: Rates) -> tuple[tuple[str, float, float], ...]:
    return tuple((name, least, most - least) for name, (least, most) in rates.items())


_STORY_SPANS, _POST_SPANS = _spans(_STORY), _spans(_POST)


@dataclass(slots=True)  # a frozen one takes far longer to make
class Growth:
    """The growth of one story or post.

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
        """All counts at an age: `views`, `viewers`, `reach` (viewers an hour ago), events, and their totals.

        `reposts` and `total_interactions` are net of what was undone, so they fall a little now and then.
        """
        seen = self._seen(age)
        counts = {name: int(rate * seen) for name, rate in self.rates.items()}
        counts["views"] = int(seen)
        counts["viewers"] = int(seen * self.viewer_share)
        counts["reach"] = int(self._seen(age - REACH_LAG) * self.viewer_share)
        counts["navigation"] = sum(counts.get(name, 0) for name in NAVIGATION.values())
        counts["profile_activity"] = sum(counts.get(name, 0) for name in ACTIONS)
        undone = UNDONE_SHARE * self._seen(age - UNDONE_LAG)
        done = [name for name in INTERACTIONS if name in counts]
        counts["total_interactions"] = sum(counts[name] for name in done)
        counts["total_interactions"] -= int(undone * sum(self.rates[name] for name in done))
        counts["reposts"] -= int(undone * self.rates["reposts"])
        return counts

    def viewers(self, age: timedelta) -> int:
        """Distinct viewers at an age, which decide whether insights are withheld."""
        return int(self._seen(age) * self.viewer_share)

    def _seen(self, age: timedelta) -> float:
        half_lives = max(age / self.half_life, 0.0)
        return self.potential * (1.0 - math.exp2(-half_lives))


def grow(
    rng: Random,
    *,
    audience: float,
    half_life: timedelta,
    tiny: bool,
    counts_replies: bool,
    facebook_share: float = 0.0,
) -> Growth:
    """Draw one story's growth; a tiny one never has five viewers.

    Args:
        facebook_share: views on Facebook per view on Instagram, of a story that was shared there.
    """
    potential = rng.uniform(2.0, 4.9) if tiny else max(40.0, audience * rng.lognormvariate(0, 0.35))
    rates = _rates(rng, _STORY_SPANS)
    if not counts_replies:
        rates["replies"] = 0.0
    if facebook_share:
        rates["facebook_views"] = facebook_share
    return Growth(potential, half_life, rng.uniform(0.75, 0.95), rates)


def _rates(rng: Random, spans: tuple[tuple[str, float, float], ...]) -> dict[str, float]:
    draw = rng.random
    return {name: least + width * draw() for name, least, width in spans}


def grow_post(rng: Random, *, audience: float, facebook_share: float = 0.0) -> Growth:
    """Draw one post's growth, which goes on for weeks."""
    rates = _rates(rng, _POST_SPANS)
    if facebook_share:
        rates["facebook_views"] = facebook_share
    potential = max(20.0, audience * rng.lognormvariate(0.4, 0.8))
    return Growth(potential, timedelta(days=rng.uniform(2, 6)), rng.uniform(0.6, 0.9), rates)
