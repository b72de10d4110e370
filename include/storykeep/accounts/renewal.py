"""Renews tokens. The old one is kept until the new one has worked; the new one is committed before it is used."""

import logging
from dataclasses import replace
from datetime import datetime

import psycopg

from storykeep.accounts import pools
from storykeep.accounts.connections import Held, fall_back
from storykeep.accounts.inspection import Opened, rest
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.graph import tokens
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import GraphError, ThrottledError

log = logging.getLogger(__name__)


def renewed(conn: psycopg.Connection, vault: Vault, client: GraphClient, old: Opened, now: datetime) -> Opened | None:
    """The connection with a new token, which has been committed; None when there is none.

    If the API gives none, the old token lives on to its own end; it is tried again next time, and the ladder warns.
    If the creator has connected anew meanwhile, that token stays.
    """
    before = old.connection
    is_resting = pools.standing(conn, pools.pools_of(before.ig_user_id, before.login_flavour), now).blocked
    conn.commit()  # no transaction stays open while the API is asked
    if is_resting:
        return None
    renew = tokens.exchange_facebook if before.login_flavour == "facebook" else tokens.refresh_instagram
    try:
        new = renew(client, old.token, now)
    except GraphError as error:
        log.warning("%s: the token was not renewed, which is tried again next time: %s", before.label, error)
        if isinstance(error, ThrottledError):
            rest(conn, before, error, now)
        return None
    after = replace(
        before,
        token_encrypted=vault.lock(new.token),
        token_version=before.token_version + 1,
        previous_token_encrypted=before.token_encrypted,
        token_issued_at=now,
        token_expires_at=new.expires_at,
    )
    if not _keep(conn, before, after, now):
        return None
    log.info("%s: the token was renewed, to last until %s", before.label, _minute(new.expires_at))
    return Opened(after, new.token)


def returned(conn: psycopg.Connection, vault: Vault, refused: Held, now: datetime) -> Opened | None:
    """The connection with the token before its present one, which was refused before it ever worked; commits.

    None when that token had worked, when no key opens the one before, or when there is a newer one by now.
    """
    if refused.previous_token_encrypted is None:
        return None
    try:
        token = vault.unlock(refused.previous_token_encrypted, whose=refused.label)
    except StorykeepError as error:
        log.warning("%s", error)
        return None
    if not fall_back(conn, refused.account_id, now, used=refused.token_version):
        return None
    conn.commit()
    log.warning("%s: the renewed token was refused, so the one before it is used again", refused.label)
    after = replace(
        refused,
        token_encrypted=refused.previous_token_encrypted,
        token_version=refused.token_version + 1,
        previous_token_encrypted=None,
        token_issued_at=None,
        token_expires_at=None,
    )
    return Opened(after, token)


def _keep(conn: psycopg.Connection, before: Held, after: Held, now: datetime) -> bool:
    """Commit a new token, unless the one before it was replaced meanwhile; says whether it did.

    The old one is kept as it is locked by now: the keys may have been rotated since it was read.
    """
    cursor = conn.execute(
        """
        with renewed as (
            update app.connections
            set token_encrypted = %(token_encrypted)s,
                previous_token_encrypted = token_encrypted,
                token_version = %(token_version)s,
                token_issued_at = %(token_issued_at)s,
                token_expires_at = %(token_expires_at)s
            where account_id = %(account_id)s and token_version = %(old_version)s
            returning status, reason
        )
        insert into app.connection_events (account_id, happened_at, kind, status, reason)
        select %(account_id)s, %(now)s, 'renewed', status, reason
        from renewed
        """,
        {**vars(after), "old_version": before.token_version, "now": now},
    )
    conn.commit()
    return cursor.rowcount == 1


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "a time not told"
