"""What Meta's callbacks ask for: the end of a person's connections, or the deletion of what came by them."""

from datetime import datetime
from pathlib import Path

import psycopg

from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.leaving import leave
from storykeep.accounts.goodbye.requests import Concerned, Request
from storykeep.accounts.goodbye.signed_request import Signed
from storykeep.accounts.states import FINAL, Reason, State
from storykeep.errors import StorykeepError


def deauthorise(conn: psycopg.Connection, signed: Signed, now: datetime) -> list[Concerned]:
    """End every connection that this person or Page granted, as the app was removed, and commit; returns whose ended.

    What has ended before stays as it is: its reason is the first one.
    """
    ended = []
    with conn.transaction():
        for account in granted(conn, signed):
            row = conn.execute(
                "select status <> all(%s) from app.connections where account_id = %s for update",
                [list(FINAL), account.account_id],
            ).fetchone()
            if row and row[0]:
                leave(conn, account.account_id, State.REVOKED, Reason.APP_REMOVED, now)
                ended.append(account)
    conn.commit()
    return ended


def request_deletion(conn: psycopg.Connection, work_dir: Path, signed: Signed, now: datetime) -> Request:
    """End the connections, and write down that what came by them is to be deleted; the same again is the same request.

    A request of somebody unknown is written down as well: Meta wants an answer to each.
    """
    accounts = granted(conn, signed)
    deauthorise(conn, signed, now)
    return requests.record(
        conn, work_dir, "callback", signed.subject_id, [account.ig_user_id for account in accounts], now
    )


def require_https(status_url: str) -> None:
    """Raise StorykeepError unless the address is one that Meta takes."""
    if not status_url.startswith("https://"):
        raise StorykeepError("is no https address", where="--status-url", remedy="name a page that everybody can open")


def answer(request: Request, status_url: str) -> dict[str, str]:
    """What Meta wants to be told: the code, and where a person can ask how far the deletion is."""
    return {"url": f"{status_url.rstrip('/')}/{request.code}", "confirmation_code": request.code}


def granted(conn: psycopg.Connection, signed: Signed) -> list[Concerned]:
    """The accounts that this person, or the person of this Page, has connected by this login flavour.

    With Instagram Login the account itself is the one who signs in.
    """
    rows = conn.execute(
        """
        select account_id, ig_user_id, username
        from app.connections join app.accounts using (account_id)
        where login_flavour = %(flavour)s and (
            granter_id = %(user_id)s
            or (page_id = %(page_id)s and %(user_id)s::text is null)
            or (login_flavour = 'instagram' and ig_user_id = %(user_id)s)
        )
        order by account_id
        """,
        {"flavour": signed.flavour, "user_id": signed.user_id, "page_id": signed.page_id},
    )
    return [Concerned(*row) for row in rows]
