"""The forecast: whose connection lapses before the last story of a campaign can have been kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from storykeep.accounts.connections import Held, held
from storykeep.accounts.states import CAPTURED, TROUBLE, Owner, Reason, State, condition
from storykeep.accounts.verdict import WARN_BEFORE

STORY_LIFE = timedelta(hours=24)
HEADER = ("handle", "campaign", "lapses at", "needed until", "owner", "remedy")


@dataclass(frozen=True)
class Deliverable:
    """An account's part in a running or coming campaign. Its last story is posted by `ends_at` at the latest.

    That is when the last thing that it promised is due or, where it promised nothing, the end of its part.
    """

    account_id: str
    campaign_id: str
    ends_at: datetime

    @property
    def needed_until(self) -> datetime:
        """When the last story has lived, and the connection may end."""
        return self.ends_at + STORY_LIFE


@dataclass(frozen=True)
class Lapse:
    """A connection that ends, or has ended, before a campaign's last story has lived."""

    username: str
    campaign: str
    lapses_at: datetime
    needed_until: datetime
    owner: Owner
    remedy: str

    @property
    def row(self) -> tuple[str, ...]:
        """The cells under HEADER."""
        moments = (f"{at:%Y-%m-%d %H:%M} UTC" for at in (self.lapses_at, self.needed_until))
        return f"@{self.username}", self.campaign, *moments, self.owner, self.remedy


def forecast(connections: Iterable[Held], deliverables: Iterable[Deliverable], now: datetime) -> list[Lapse]:
    """Who lapses before which deliverable as things stand at `now`, the next to lapse first."""
    ends = {one.account_id: (one, end) for one in connections if (end := _end(one, now))}
    found = []
    for part in deliverables:
        if part.account_id in ends:
            one, (lapses_at, state, reason) = ends[part.account_id]
            if lapses_at < part.needed_until:
                what = condition(state, reason)
                found.append(
                    Lapse(one.username, part.campaign_id, lapses_at, part.needed_until, what.owner, what.remedy)
                )
    return sorted(found, key=lambda lapse: (lapse.lapses_at, lapse.username, lapse.campaign))


def deliverables(conn: psycopg.Connection, now: datetime) -> list[Deliverable]:
    """What is still to be delivered: a part in a campaign whose stories may live on after `now`."""
    with conn.cursor(row_factory=class_row(Deliverable)) as cursor:
        return cursor.execute(
            """
            with parts as (
                select account_id, campaign_id, max(least(valid_to, ends_at)) as ends_at
                from app.campaign_participants join app.campaigns using (campaign_id)
                group by account_id, campaign_id
            ),

            promised as (
                select parts.account_id, campaign_id, max(due_at) as due_at
                from parts join app.deliverables using (campaign_id)
                -- Without an account it is promised by each participant.
                where coalesce(deliverables.account_id, parts.account_id) = parts.account_id
                group by parts.account_id, campaign_id
            ),

            needed as (
                select account_id, campaign_id, least(ends_at, due_at) as ends_at
                from parts left join promised using (account_id, campaign_id)
            )

            select * from needed where ends_at > %s
            """,
            [now - STORY_LIFE],
        ).fetchall()


def lapses(conn: psycopg.Connection, now: datetime) -> list[Lapse]:
    """The forecast over every connection and campaign."""
    return forecast(held(conn), deliverables(conn, now), now)


def _end(one: Held, now: datetime) -> tuple[datetime, State, Reason | None] | None:
    """When a connection ends unless a person acts, and as what; None when no end is known or it was a goodbye."""
    if one.state in TROUBLE - CAPTURED:
        return one.status_since, one.state, one.why
    if one.state not in CAPTURED:
        return None
    ends = []
    if one.data_access_expires_at:
        ends.append((one.data_access_expires_at, State.EXPIRING, Reason.DATA_ACCESS_ENDING))
    if one.token_expires_at and one.token_expires_at - now <= WARN_BEFORE:
        # A token so near to its end has withstood days of renewals; any other is renewed by itself.
        ends.append((one.token_expires_at, State.EXPIRING, Reason.TOKEN_EXPIRING))
    return min(ends, default=None)
