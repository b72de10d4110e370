"""Snoozes: somebody knows of an account's trouble and does not want to be told of it until a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from storykeep.accounts.alerts import UNREADABLE, Alert


@dataclass(frozen=True)
class Snooze:
    """The newest word on when an account's alerts are told again; one that is over silences nothing."""

    account_id: str
    username: str
    snoozed_at: datetime
    until_at: datetime
    author: str


def snooze(conn: psycopg.Connection, account_id: str, until: datetime, author: str, now: datetime) -> None:
    """Write down that the account's alerts are not told until then, and commit. A moment that is past wakes them."""
    conn.execute(
        "insert into app.snoozes (account_id, snoozed_at, until_at, author) values (%s, %s, %s, %s)",
        [account_id, now, until, author],
    )
    conn.commit()


def snoozed(conn: psycopg.Connection, now: datetime) -> dict[str, Snooze]:
    """The accounts whose alerts are snoozed at `now`, the one that wakes first at the front."""
    with conn.cursor(row_factory=class_row(Snooze)) as cursor:
        rows = cursor.execute(
            """
            select account_id, username, snoozed_at, until_at, author
            from (
                select distinct on (account_id) * from app.snoozes order by account_id, snooze_id desc
            ) as newest
            join app.accounts using (account_id)
            where until_at > %s
            order by until_at, username
            """,
            [now],
        )
        return {row.account_id: row for row in rows}


def awake(alerts: Iterable[Alert], snoozes: Mapping[str, Snooze]) -> list[Alert]:
    """The alerts that are to be told all the same: of other accounts, and losses that nobody knew of at the snooze."""
    return [alert for alert in alerts if _is_news(alert, snoozes.get(alert.account_id))]


def _is_news(alert: Alert, snooze: Snooze | None) -> bool:
    """Since when no key opens a token is not known, so that is news until it was told."""
    if snooze is None or alert.step == UNREADABLE:
        return True
    return alert.subject == "status" and alert.concerns_at > snooze.snoozed_at
