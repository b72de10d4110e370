"""Asks the API to revoke what the creator granted. Our side has ended by then, so nothing here undoes a goodbye."""

from collections.abc import Mapping

import psycopg

from storykeep.accounts.goodbye.leaving import Left
from storykeep.accounts.states import FINAL
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import GraphError, ReconnectError
from storykeep.graph.permissions import revoke
from storykeep.graph.tokens import debug_token
from storykeep.settings import Flavour

# So many tokens of others are looked into to learn who granted them; the app's own rate limit pays for it.
AT_MOST = 50
BY_HAND: Mapping[Flavour, str] = {
    "facebook": "the creator can remove the app at Facebook: Settings, Business integrations",
    "instagram": "the creator can remove the app at Instagram: Settings, Website permissions, Apps and websites",
}


def revoked(
    conn: psycopg.Connection, vault: Vault, clients: Mapping[Flavour, GraphClient], left: Left
) -> str | StorykeepError:
    """Revoke the app's rights to a connection that has ended; says what came of it, as an error what is left to do.

    A revocation is of the person and not of the account: where others' connections are, or may be, by the same
    person, it is left undone. Nothing is raised but what Postgres raises.
    """
    try:
        return _revoked(conn, vault, clients, left)
    except GraphError as error:
        return StorykeepError(
            f"the API has not revoked its token, which lives on, though nobody uses it: {error}",
            where=left.label,
            remedy=BY_HAND[left.login_flavour],
        )
    except StorykeepError as error:  # no key opens a token
        return error


def _revoked(
    conn: psycopg.Connection, vault: Vault, clients: Mapping[Flavour, GraphClient], left: Left
) -> str | StorykeepError:
    if left.token_encrypted is None:
        return "there was no token to revoke"
    if left.login_flavour == "instagram":
        return StorykeepError(
            "Instagram Login offers an app no way to revoke a token, which lives on, though nobody uses it",
            where=left.label,
            remedy=BY_HAND["instagram"],
        )
    if left.login_flavour not in clients:
        return StorykeepError(
            "its token is not revoked: AIRFLOW_CONN_GRAPH_FACEBOOK names no app",
            where=left.label,
            remedy=BY_HAND["facebook"],
        )
    client, token = clients[left.login_flavour], vault.unlock(left.token_encrypted, whose=left.label)
    facts = debug_token(client, token)
    if not facts.is_valid:
        return "its token had ended before"
    shared = _shared(conn, vault, client, left, left.granter_id or facts.user_id)
    if shared:
        return StorykeepError(
            f"its token is not revoked, since the same person granted access to {shared}, which would end with it",
            where=left.label,
            remedy="the creator can take this Page out at Facebook: Settings, Business integrations",
        )
    try:
        revoke(client, token)
    except ReconnectError:
        return "its token had ended before"
    return "its token is revoked at the API"


def _shared(
    conn: psycopg.Connection, vault: Vault, client: GraphClient, left: Left, granter_id: str | None
) -> str | None:
    """Whose connections a revocation would end too, or may end; None when it is nobody's."""
    rows = conn.execute(
        """
        select account_id, username, token_encrypted, token_hash, granter_id
        from app.connections join app.accounts using (account_id)
        where login_flavour = %s and account_id <> %s and status <> all(%s) and token_encrypted is not null
            and (granter_id = %s or granter_id is null or token_hash = %s)
        order by username
        """,
        [left.login_flavour, left.account_id, list(FINAL), granter_id, left.token_hash],
    ).fetchall()
    if (granter_id is None and rows) or sum(by is None for *_, by in rows) > AT_MOST:
        return "other accounts, for all that is known"
    theirs = [
        f"@{username}"
        for account_id, username, locked, token_hash, by in rows
        if token_hash == left.token_hash or (by or _learned(conn, vault, client, account_id, locked)) == granter_id
    ]
    return ", ".join(theirs) or None


def _learned(conn: psycopg.Connection, vault: Vault, client: GraphClient, account_id: str, locked: bytes) -> str | None:
    """Who granted a connection, by its token; kept, so that it is asked for once. Raises GraphError."""
    facts = debug_token(client, vault.unlock(locked, whose=account_id))
    conn.execute(
        "update app.connections set granter_id = %s where account_id = %s and granter_id is null and %s::text <> ''",
        [facts.user_id, account_id, facts.user_id],
    )
    conn.commit()
    return facts.user_id
