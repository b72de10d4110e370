"""To be left alone: nothing is asked of the account any more, its tokens are forgotten, its history stays."""

from datetime import datetime

import psycopg

from storykeep.accounts.goodbye.leaving import Left, leave
from storykeep.accounts.registry import find_account
from storykeep.accounts.states import GOODBYE, State
from storykeep.errors import StorykeepError


def disconnect(conn: psycopg.Connection, username: str, now: datetime) -> Left | None:
    """Stop asking for an account, forget its tokens, keep its history, and commit; None if that was so already.

    What it returns is what `revoked` needs. Raises StorykeepError when there is no such account or it never was
    connected.
    """
    account_id = find_account(conn, username)
    with conn.transaction():
        left = leave(conn, account_id, State.DISCONNECTED, None, now)
    conn.commit()
    if left is None:
        raise StorykeepError("is not connected", where=f"@{username.removeprefix('@')}")
    return None if left.status in GOODBYE else left
