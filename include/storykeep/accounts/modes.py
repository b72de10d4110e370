"""How an account is to be captured, by its creator's wish: automatically, by hand, or not for now."""

from datetime import datetime
from enum import StrEnum

import psycopg


class Mode(StrEnum):
    """The wish. Only an automatic account is listed and read; its connection is watched in any mode."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    PAUSED = "paused"


def set_mode(conn: psycopg.Connection, account_id: str, mode: Mode, author: str, now: datetime) -> bool:
    """Write down that an account is captured in this mode from `now` on, as `author` says, and commit.

    False, and nothing is written, when it is so already. The last wish holds, even if the clock was set back before it.
    """
    with conn.transaction():
        # One wish after the other: of two at once, the second sees the first.
        conn.execute("select from app.accounts where account_id = %s for no key update", [account_id])
        is_new = resting(conn).get(account_id, Mode.AUTOMATIC) is not mode
        if is_new:
            conn.execute(
                """
                insert into app.capture_modes (account_id, since, mode, author)
                select %(account_id)s, greatest(%(now)s, max(since) + interval '1 microsecond'), %(mode)s, %(author)s
                from app.capture_modes
                where account_id = %(account_id)s
                """,
                {"account_id": account_id, "now": now, "mode": mode.value, "author": author},
            )
    conn.commit()
    return is_new


def resting(conn: psycopg.Connection) -> dict[str, Mode]:
    """The accounts that are not captured automatically, each with its mode."""
    rows = conn.execute(
        "select distinct on (account_id) account_id, mode from app.capture_modes order by account_id, since desc"
    )
    return {account_id: Mode(mode) for account_id, mode in rows if mode != Mode.AUTOMATIC}
