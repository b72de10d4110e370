"""How a connection ends by somebody's will: at once on our side, whatever the API says to it later."""

from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from storykeep.accounts.states import GOODBYE, Reason, State
from storykeep.settings import Flavour


@dataclass(frozen=True)
class Left:
    """A connection as it was when it ended. The granter and the token are None where they are not known."""

    account_id: str
    username: str
    login_flavour: Flavour
    status: str
    token_encrypted: bytes | None = field(repr=False)
    token_hash: str | None
    granter_id: str | None

    @property
    def label(self) -> str:
        """How messages name the connection."""
        return f"@{self.username} ({self.account_id})"


def leave(conn: psycopg.Connection, account_id: str, state: State, reason: Reason | None, now: datetime) -> Left | None:
    """End a connection in `state`, forget its tokens, and append the event; returns what it was, None without one.

    One that somebody ended before stays as it is, unless it is to be purged. Does not commit.
    The hash of the imported token stays, so that importing the old file again does not undo the goodbye.
    """
    with conn.cursor(row_factory=class_row(Left)) as cursor:
        was = cursor.execute(
            """
            select account_id, username, login_flavour, status, token_encrypted, token_hash, granter_id
            from app.connections join app.accounts using (account_id)
            where account_id = %s
            for update of connections
            """,
            [account_id],
        ).fetchone()
    if was is None or was.status == state or (was.status in GOODBYE and state is not State.PURGED):
        return was
    conn.execute(
        """
        update app.connections
        set status = %s, reason = %s, status_since = %s, token_encrypted = null, page_token_encrypted = null,
            previous_token_encrypted = null
        where account_id = %s
        """,
        [state.value, reason.value if reason else None, now, account_id],
    )
    conn.execute(
        "insert into app.connection_events (account_id, happened_at, kind, status, reason) values (%s, %s, %s, %s, %s)",
        [account_id, now, state.value, state.value, reason.value if reason else None],
    )
    return was
