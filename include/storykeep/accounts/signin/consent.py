"""Writes a consent down: the connection that it makes, its event, and its row in the ledger of consents."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg
from pydantic import SecretStr

from storykeep.accounts.states import State
from storykeep.accounts.vault import Vault
from storykeep.settings import Flavour

Outcome = Literal["connected", "reconnected"]


@dataclass(frozen=True)
class Consent:
    """What somebody granted for one account, and under which text. What is not told is None."""

    source: Literal["import", "sign_in"]
    login_flavour: Flavour
    token: SecretStr
    token_issued_at: datetime | None = None
    token_expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    scopes: tuple[str, ...] | None = None
    page_id: str | None = None
    page_name: str | None = None
    page_tasks: tuple[str, ...] | None = None
    page_token: SecretStr | None = None
    granter_id: str | None = None
    granter_name: str | None = None
    text_version: str | None = None
    usage_rights: str | None = None


def keep_consent(conn: psycopg.Connection, vault: Vault, account_id: str, consent: Consent, now: datetime) -> Outcome:
    """Make or renew the account's one connection. Does not commit: the account's row belongs to the same transaction.

    It counts as connected, whatever its clocks say: the API judges.
    A token that comes by sign-in leaves the hash of the imported one: importing the old file again changes nothing.
    """
    known = conn.execute("select 1 from app.connections where account_id = %s for update", [account_id]).fetchone()
    row = {
        **vars(consent),
        "account_id": account_id,
        "token": vault.lock(consent.token),
        "token_hash": token_hash(consent.token) if consent.source == "import" else None,
        "page_token": vault.lock(consent.page_token) if consent.page_token else None,
        "scopes": _listed(consent.scopes),
        "page_tasks": _listed(consent.page_tasks),
        "status": State.CONNECTED.value,
        "kind": "reconnected" if known else "connected",
        "now": now,
    }
    conn.execute(_CONNECTION, row)
    conn.execute(_EVENT, row)
    conn.execute(_LEDGER, row)
    return "reconnected" if known else "connected"


def token_hash(token: SecretStr) -> str:
    """What an imported token is recognised by."""
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()


def _listed(texts: tuple[str, ...] | None) -> list[str] | None:
    return None if texts is None else sorted(texts)


_CONNECTION = """
    insert into app.connections (account_id, login_flavour, token_encrypted, token_hash, page_id, page_name, page_tasks,
        page_token_encrypted, scopes, status, status_since, connected_at, token_issued_at, token_expires_at,
        data_access_expires_at, granter_id, granter_name)
    values (%(account_id)s, %(login_flavour)s, %(token)s, %(token_hash)s, %(page_id)s, %(page_name)s, %(page_tasks)s,
        %(page_token)s, %(scopes)s, %(status)s, %(now)s, %(now)s, %(token_issued_at)s, %(token_expires_at)s,
        %(data_access_expires_at)s, %(granter_id)s, %(granter_name)s)
    on conflict (account_id) do update
    set login_flavour = excluded.login_flavour,
        token_encrypted = excluded.token_encrypted,
        previous_token_encrypted = null,
        token_version = connections.token_version + 1,
        token_hash = coalesce(excluded.token_hash, connections.token_hash),
        page_id = excluded.page_id,
        page_name = excluded.page_name,
        page_tasks = excluded.page_tasks,
        page_token_encrypted = excluded.page_token_encrypted,
        scopes = excluded.scopes,
        status = excluded.status,
        reason = null,
        status_since = excluded.status_since,
        connected_at = excluded.connected_at,
        token_issued_at = excluded.token_issued_at,
        token_expires_at = excluded.token_expires_at,
        data_access_expires_at = excluded.data_access_expires_at,
        granter_id = excluded.granter_id,
        granter_name = excluded.granter_name,
        inspected_at = null
"""
_EVENT = """
    insert into app.connection_events (account_id, happened_at, kind, status)
    values (%(account_id)s, %(now)s, %(kind)s, %(status)s)
"""
_LEDGER = """
    insert into app.consents (account_id, given_at, source, granter_id, granter_name, scopes, text_version,
        usage_rights)
    values (%(account_id)s, %(now)s, %(source)s, %(granter_id)s, %(granter_name)s, %(scopes)s, %(text_version)s,
        %(usage_rights)s)
"""
