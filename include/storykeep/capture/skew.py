"""How far the API's clock is from ours. Stories end by the API's, and what is due is due by ours."""

import logging
from datetime import timedelta
from statistics import median_low

from storykeep.capture.tick import Tick

log = logging.getLogger(__name__)

# A sweep may be ten minutes old, so that a few minutes cost no final numbers; beyond one, no clock is in order.
LOUD = timedelta(minutes=1)


def keep(tick: Tick) -> None:
    """Keep what this tick's replies told of each host's clock, and warn when it and ours differ by over a minute."""
    for flavour, measured in tick.ahead_by.items():
        ahead_by = median_low(measured)
        tick.conn.execute(
            """
            insert into app.api_clocks (login_flavour, ahead_by, measured_at) values (%s, %s, %s)
            on conflict (login_flavour) do update set ahead_by = excluded.ahead_by, measured_at = excluded.measured_at
            """,
            [flavour, ahead_by, tick.clock()],
        )
        if abs(ahead_by) > LOUD:
            log.warning("%s -> set this machine's clock by NTP", told(flavour, ahead_by))


def told(flavour: str, ahead_by: timedelta) -> str:
    """One line on a difference."""
    direction = "behind" if ahead_by > timedelta(0) else "ahead of"
    return f"this machine's clock is {abs(ahead_by).total_seconds():.0f} s {direction} the API's ({flavour})"
