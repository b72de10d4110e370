"""What became of a campaign when, and by whom: its versions, those of its brand, and the turns of its switch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from storykeep.campaigns.changes import change, told
from storykeep.campaigns.listing import no_such_campaign
from storykeep.campaigns.registry import handles
from storykeep.campaigns.switches import Switch, switches
from storykeep.campaigns.versions import Kind, document, versions


@dataclass(frozen=True)
class Event:
    """One thing that was done to a campaign; `at` is None when it was before changes were written down."""

    at: datetime | None
    author: str
    what: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A campaign as it is now, and how it came to be so: the first event first."""

    lines: list[str]
    events: list[Event]


def show(conn: psycopg.Connection, campaign_id: str) -> Shown:
    """All that is known of a campaign. Raises StorykeepError when there is none of that id."""
    now = document(conn, "campaign", campaign_id)
    if now is None:
        raise no_such_campaign(campaign_id)
    names, turns = handles(conn), switches(conn, campaign_id)
    events = [
        *_versions(conn, "brand", now["brand_id"], names),
        *_versions(conn, "campaign", campaign_id, names),
        *map(_turned, turns),
    ]
    lines = [*told(now, names), f"manual tracking: {'on' if turns and turns[-1].is_on else 'off'}"]
    return Shown(lines, sorted(events, key=lambda event: event.at.timestamp() if event.at else 0))


def _versions(conn: psycopg.Connection, kind: Kind, its_id: str, names: Mapping[str, str]) -> Iterator[Event]:
    before = None
    for one in versions(conn, kind, its_id):
        found = change(kind, its_id, before, one.document, names)
        yield Event(
            at=None if one.is_from_before_history else one.recorded_at,
            author=one.author,
            what=f"{kind} {'changed' if before else 'recorded'} (version {one.version})",
            lines=found.lines if found and before else (),
        )
        before = one.document


def _turned(turn: Switch) -> Event:
    reason = f": {turn.reason}" if turn.reason else ""
    return Event(turn.switched_at, turn.author, f"manual tracking switched {'on' if turn.is_on else 'off'}{reason}")
