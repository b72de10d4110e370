"""The switch of manual story tracking: per campaign, with its whole history, and never retroactive."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from storykeep.campaigns.listing import no_such_campaign


@dataclass(frozen=True)
class Switch:
    """One turn of a campaign's switch: so from `switched_at` (inclusive) to the next turn; off before the first."""

    switched_at: datetime
    is_on: bool
    author: str
    reason: str | None


def switch(
    conn: psycopg.Connection, campaign_id: str, is_on: bool, author: str, now: datetime, reason: str | None = None
) -> Switch | None:
    """Turn manual tracking on or off from `now` on, and commit; None when it was so already, which changes nothing.

    No turn is written down before the last one, whatever the clock says.
    Raises StorykeepError when there is no such campaign.
    """
    with conn.transaction():
        # One turn after the other.
        if not conn.execute("select from app.campaigns where campaign_id = %s for update", [campaign_id]).rowcount:
            raise no_such_campaign(campaign_id)
        history = switches(conn, campaign_id)
        turned = None
        if is_on != (bool(history) and history[-1].is_on):
            at = max(now, history[-1].switched_at) if history else now
            turned = Switch(at, is_on, author, reason)
            conn.execute(
                "insert into app.tracking_switches (campaign_id, switched_at, is_on, author, reason)"
                " values (%s, %s, %s, %s, %s)",
                [campaign_id, at, is_on, author, reason],
            )
    conn.commit()
    return turned


def switches(conn: psycopg.Connection, campaign_id: str) -> list[Switch]:
    """Every turn of a campaign's switch, the first one first."""
    with conn.cursor(row_factory=class_row(Switch)) as cursor:
        return cursor.execute(
            "select switched_at, is_on, author, reason from app.tracking_switches where campaign_id = %s"
            " order by switched_at, switch_id",
            [campaign_id],
        ).fetchall()
