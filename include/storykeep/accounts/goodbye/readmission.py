"""The way back of a purged account: nothing but its creator's consent, given after the purge."""

from datetime import datetime

import psycopg

from storykeep.landing.tombstones import hash_of


def is_purged(conn: psycopg.Connection, ig_user_id: str) -> bool:
    """Whether the account was purged and has not been readmitted since."""
    found = conn.execute(
        "select from app.account_tombstones where ig_user_hash = %s and readmitted_at is null", [hash_of(ig_user_id)]
    )
    return found.rowcount == 1


def readmit(conn: psycopg.Connection, ig_user_id: str, now: datetime) -> bool:
    """Let a purged account come anew, as its creator consented at `now`; False when it was not purged.

    To be called by what takes in a consent: a sign-in, or an import of which somebody says so. What was captured before
    `now` stays refused. Does not commit.
    """
    done = conn.execute(
        "update app.account_tombstones set readmitted_at = %s where ig_user_hash = %s and readmitted_at is null",
        [now, hash_of(ig_user_id)],
    )
    return done.rowcount == 1
