"""Digests: what one channel tells one recipient in one run, worked out from what stands and what was sent."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from storykeep.accounts.alerts import Alert, Key, lines_of

DATA_TEAM = ""


@dataclass(frozen=True)
class Brand:
    """Who speaks with the creators of its campaigns; `contact` is an e-mail address, None when nobody told."""

    brand_id: str
    name: str
    contact: str | None


@dataclass(frozen=True)
class Digest:
    """What one recipient is told; without a brand it is the data team."""

    brand: Brand | None
    alerts: tuple[Alert, ...]

    @property
    def recipient(self) -> str:
        """By what the recipient is written down."""
        return self.brand.brand_id if self.brand else DATA_TEAM

    @property
    def subject(self) -> str:
        """One line: how many accounts of whom."""
        accounts = len({alert.account_id for alert in self.alerts})
        need = "1 account needs somebody" if accounts == 1 else f"{accounts} accounts need somebody"
        return f"Storykeep: {need}" + (f" ({self.brand.name})" if self.brand else "")

    @property
    def text(self) -> str:
        """The subject, and a line for each alert."""
        return "\n".join([self.subject, "", *lines_of(self.alerts)])


def waiting(
    alerts: Iterable[Alert], brands: Mapping[str, Sequence[Brand]], sent: Container[tuple[Key, str]]
) -> list[Digest]:
    """What a channel that has sent `sent` (alert and recipient) has still to tell, a digest for each recipient.

    What creators and brand contacts have to do goes to the brands of the account's campaigns (`brands`, by account),
    the rest to the data team.
    """
    found: dict[Brand | None, list[Alert]] = defaultdict(list)
    for alert in alerts:
        theirs = brands.get(alert.account_id, ()) if alert.owner != "data team" else ()
        for brand in theirs or (None,):
            if (alert.key, brand.brand_id if brand else DATA_TEAM) not in sent:
                found[brand].append(alert)
    return [Digest(brand, tuple(found[brand])) for brand in sorted(found, key=lambda one: one.name if one else "")]


def brands_of(conn: psycopg.Connection, now: datetime) -> dict[str, list[Brand]]:
    """The brands whose running or coming campaigns an account takes part in, by account."""
    found: dict[str, list[Brand]] = defaultdict(list)
    rows = conn.execute(
        """
        select distinct account_id, brand_id, brands.name, contact
        from app.campaign_participants
        join app.campaigns using (campaign_id)
        join app.brands using (brand_id)
        where ends_at > %(now)s and valid_to > %(now)s
        order by account_id, brand_id
        """,
        {"now": now},
    )
    for account_id, brand_id, name, contact in rows:
        found[account_id].append(Brand(brand_id, name, contact))
    return dict(found)


def sent_by(conn: psycopg.Connection, channel: str) -> set[tuple[Key, str]]:
    """What a channel has taken: which alert, for which recipient."""
    rows = conn.execute(
        "select account_id, subject, step, concerns_at, recipient from app.notifications where channel = %s", [channel]
    )
    return {((account_id, subject, step, at), recipient) for account_id, subject, step, at, recipient in rows}


def note_sent(conn: psycopg.Connection, channel: str, digest: Digest, now: datetime) -> None:
    """Write down that a channel took a digest, and commit."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            insert into app.notifications (account_id, subject, step, concerns_at, channel, recipient, sent_at)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict do nothing
            """,
            [(*alert.key, channel, digest.recipient, now) for alert in digest.alerts],
        )
    conn.commit()
