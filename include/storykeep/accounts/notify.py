"""Sends digests: every channel on its own, each digest once, written down only after the channel took it."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg

from storykeep.accounts.alerts import Alert, Key
from storykeep.accounts.digests import Digest, brands_of, note_sent, sent_by, waiting
from storykeep.clock import Clock
from storykeep.errors import StorykeepError

log = logging.getLogger(__name__)

Send = Callable[[str, Digest], None]
"""Hands a digest to the channel of that name. Raises NotDeliveredError, or ChannelDownError."""


class NotDeliveredError(StorykeepError):
    """A channel did not take a digest."""


class ChannelDownError(NotDeliveredError):
    """A channel takes nothing at all, so that nothing more is tried with it in this run."""


def notify(conn: psycopg.Connection, channels: Sequence[str], alerts: Sequence[Alert], send: Send, clock: Clock) -> int:
    """Tell each channel what it was not told yet of `alerts`; returns how many digests were sent.

    A channel that is down keeps no other from being told. Raises NotDeliveredError naming all that failed, at the end;
    what was not delivered is not written down, so it goes out at the next run as far as it still stands then.
    """
    brands = brands_of(conn, clock())
    faults: list[NotDeliveredError] = []
    count = 0
    for channel in channels:
        for digest in waiting(alerts, brands, sent_by(conn, channel)):
            conn.commit()  # no transaction stays open while a channel is asked
            try:
                send(channel, digest)
            except NotDeliveredError as error:
                log.error("%s", error)
                faults.append(error)
                if isinstance(error, ChannelDownError):
                    break
                continue
            note_sent(conn, channel, digest, clock())
            log.info("%s took %d alerts: %s", channel, len(digest.alerts), digest.subject)
            count += 1
    if faults:
        raise NotDeliveredError("; ".join(str(fault) for fault in faults), where="alerts that were not delivered")
    return count


def undelivered(conn: psycopg.Connection, channels: Sequence[str], alerts: Sequence[Alert], now: datetime) -> set[Key]:
    """Which of the alerts some channel has still to take."""
    brands = brands_of(conn, now)
    digests = [digest for channel in channels for digest in waiting(alerts, brands, sent_by(conn, channel))]
    return {alert.key for digest in digests for alert in digest.alerts}
