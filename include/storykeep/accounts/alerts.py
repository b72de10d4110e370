"""Alerts: who has to be told what about which connection, each step of the ladder once."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg

from storykeep.accounts.connections import Held, missing_scopes
from storykeep.accounts.states import CAPTURED, TROUBLE, Owner, Reason, State, condition
from storykeep.errors import StorykeepError

Subject = Literal["status", "token", "data_access"]
# What makes an alert the same alert: account, subject, step and the moment that it concerns.
Key = tuple[str, Subject, str, datetime]

LADDER = (1, 3, 7, 14)
"""Days before the end of either clock at which people are told."""

UNREADABLE = "unreadable"
"""The step of a token that no key opens."""

MOST_LINES = 50
"""What a message names at most; a table in the log names all."""

ENDED = frozenset({State.EXPIRED, State.DATA_ACCESS_ENDED, State.REVOKED})


@dataclass(frozen=True)
class Alert:
    """One thing to tell one owner; `days_left` is None when no end is known."""

    account_id: str
    username: str
    subject: Subject
    step: str
    concerns_at: datetime
    reason: str
    days_left: float | None
    owner: Owner
    remedy: str

    @property
    def key(self) -> Key:
        """What makes it the same alert."""
        return self.account_id, self.subject, self.step, self.concerns_at

    @property
    def left(self) -> str:
        """The days left, in words."""
        return "no end known" if self.days_left is None else f"{round(self.days_left, 1):g} days left"

    @property
    def line(self) -> str:
        """Handle, reason, days left, owner and what to do."""
        return f"@{self.username}: {self.reason}, {self.left}; {self.owner}: {self.remedy}"


class TokensInTroubleError(StorykeepError):
    """Connections need somebody who has not been told yet."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self.alerts = tuple(alerts)
        lines = "".join(f"\n  {line}" for line in lines_of(self.alerts))
        super().__init__(f"{len(self.alerts)} to tell, each once{lines}", where="connections in trouble")


def lines_of(alerts: Sequence[Alert]) -> list[str]:
    """A line for each alert, as far as a message has room, and how many more there are."""
    lines = [alert.line for alert in alerts[:MOST_LINES]]
    more = len(alerts) - len(lines)
    return [*lines, f"and {more} more: storykeep accounts list"] if more else lines


def due(connections: Iterable[Held], now: datetime, told: Container[Key]) -> list[Alert]:
    """The alerts that the connections call for at `now` and that nobody was told yet."""
    return [alert for held in connections for alert in _called_for(held, now) if alert.key not in told]


def urgency(alert: Alert) -> tuple[float, str]:
    """Sorts alerts by days left, then by handle."""
    return (float("inf") if alert.days_left is None else alert.days_left), alert.username


def lost_token(held: Held, error: StorykeepError) -> Alert:
    """The alert for a token that no key opens. Its state is not touched: the key may come back."""
    return Alert(
        held.account_id,
        held.username,
        "status",
        UNREADABLE,
        held.status_since,
        error.what,
        None,
        "data team",
        error.remedy,
    )


def told(conn: psycopg.Connection) -> set[Key]:
    """The alerts that have been told."""
    return set(conn.execute("select account_id, subject, step, concerns_at from app.alerts").fetchall())


def tell(conn: psycopg.Connection, alerts: Iterable[Alert], now: datetime) -> None:
    """Record alerts as told, and commit. To be called right before they are told."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            insert into app.alerts (account_id, subject, step, concerns_at, told_at, message)
            values (%s, %s, %s, %s, %s, %s)
            on conflict do nothing
            """,
            [(*alert.key, now, alert.line) for alert in alerts],
        )
    conn.commit()


def _called_for(held: Held, now: datetime) -> Iterator[Alert]:
    if held.state in TROUBLE:
        yield _failure(held, now)
    if held.state in CAPTURED:
        yield from _steps(held, "token", held.token_expires_at, Reason.TOKEN_EXPIRING, now)
        yield from _steps(held, "data_access", held.data_access_expires_at, Reason.DATA_ACCESS_ENDING, now)


def _failure(held: Held, now: datetime) -> Alert:
    what = condition(held.state, held.why)
    ends = [end for end in (held.token_expires_at, held.data_access_expires_at) if end]
    left = 0.0 if held.state in ENDED else _days(min(ends) - now) if ends else None
    missing = ", ".join(missing_scopes(held.login_flavour, held.scopes)) if held.why is Reason.MISSING_SCOPE else ""
    reason = f"{held.status} ({held.reason}{': ' + missing if missing else ''})"
    return Alert(
        held.account_id,
        held.username,
        "status",
        held.status,
        held.status_since,
        reason,
        left,
        what.owner,
        what.remedy,
    )


def _steps(held: Held, subject: Subject, ends_at: datetime | None, reason: Reason, now: datetime) -> Iterator[Alert]:
    """The innermost step that `now` has reached: who is told of three days need not hear of seven and fourteen."""
    left = ends_at - now if ends_at else timedelta.max
    step = next((days for days in LADDER if left <= timedelta(days=days)), None)
    if ends_at and step:
        what = condition(State.EXPIRING, reason)
        yield Alert(
            held.account_id,
            held.username,
            subject,
            str(step),
            ends_at,
            f"{reason} at {ends_at:%Y-%m-%d %H:%M} UTC",
            _days(left),
            what.owner,
            what.remedy,
        )


def _days(left: timedelta) -> float:
    return max(left / timedelta(days=1), 0.0)
