"""The token watch: inspects every connection, renews what can be renewed and finds what people must be told.

One account's failure stays that account's: its state stands as it was and it is looked at again next time.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import psycopg
from pydantic import SecretStr

from storykeep.accounts import pools
from storykeep.accounts.alerts import Alert, due, lost_token, told, urgency
from storykeep.accounts.connections import Held, held, mark
from storykeep.accounts.snooze import awake, snoozed
from storykeep.accounts.states import AFTER_REFUSAL, FINAL, Reason
from storykeep.accounts.vault import Vault
from storykeep.accounts.verdict import judge, learned, should_renew
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph import tokens
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import GraphError, ThrottledError
from storykeep.settings import Flavour

log = logging.getLogger(__name__)


def check_tokens(
    conn: psycopg.Connection, vault: Vault, clients: Mapping[Flavour, GraphClient], clock: Clock
) -> list[Alert]:
    """Inspect and renew every connection, commit what was learned, and return the alerts that are not yet told.

    Nothing is sent to a rate-limit pool that rests. An inspection that fails is no alert. Raises StorykeepError when
    nobody is to be told anything, but not one token of a login flavour could be inspected: then its API is out of
    reach, or the app is set up wrongly.
    """
    opened, lost = _open(held(conn), vault)
    failed: dict[Flavour, list[GraphError]] = defaultdict(list)
    for connection, token in opened:
        client = clients.get(connection.login_flavour)
        if client is None:
            continue
        if pools.standing(conn, pools.pools_of(connection.ig_user_id, connection.login_flavour), clock()).blocked:
            log.warning("%s: not inspected, as its rate-limit pool, or its app's, rests", connection.label)
            continue
        try:
            _inspect(conn, vault, client, connection, token, clock())
        except ThrottledError as error:
            log.warning("%s: not inspected, which is tried again next time: %s", connection.label, error)
            _rest(conn, connection, error, clock())
        except GraphError as error:
            log.warning("%s: not inspected, which is tried again next time: %s", connection.label, error)
            failed[connection.login_flavour].append(error)
    already = told(conn)
    alerts = [alert for alert in lost if alert.key not in already] + due(held(conn), clock(), already)
    alerts = awake(alerts, snoozed(conn, clock()))
    conn.commit()
    for flavour, asked in Counter(connection.login_flavour for connection, _ in opened).items():
        trouble = _out_of_reach(flavour, clients.get(flavour), asked, failed[flavour])
        if trouble and not alerts:
            raise trouble
        if trouble:
            log.error("%s", trouble)  # alerts go first: they are told now, and this next time
    return sorted(alerts, key=urgency)


def unreadable(connections: list[Held], vault: Vault) -> list[Alert]:
    """An alert for each token that no key opens."""
    return _open(connections, vault)[1]


def _open(connections: list[Held], vault: Vault) -> tuple[list[tuple[Held, SecretStr]], list[Alert]]:
    """The connections that are to be inspected, with their tokens; an alert for each token that no key opens."""
    opened: list[tuple[Held, SecretStr]] = []
    lost: list[Alert] = []
    for connection in connections:
        if connection.token_encrypted is None or connection.state in FINAL:
            continue
        try:
            opened.append((connection, vault.unlock(connection.token_encrypted, whose=connection.label)))
        except StorykeepError as error:
            lost.append(lost_token(connection, error))
    return opened, lost


def _inspect(
    conn: psycopg.Connection, vault: Vault, client: GraphClient, before: Held, token: SecretStr, now: datetime
) -> None:
    """Learn what the API says of one token, renew it if it is time, and keep both. Raises GraphError."""
    conn.commit()  # no transaction stays open while the API is asked
    facts = tokens.inspect(client, token)
    if not facts.is_valid:
        reason = Reason(facts.reason or Reason.TOKEN_INVALID)
        mark(conn, before.account_id, AFTER_REFUSAL[reason], reason, now, used=before.token_encrypted)
        conn.commit()
        return
    after = learned(before, facts, now)
    if should_renew(after, now):
        after = _renewed(conn, vault, client, after, token, now)
    _keep(conn, before, after, now)


def _renewed(
    conn: psycopg.Connection, vault: Vault, client: GraphClient, old: Held, token: SecretStr, now: datetime
) -> Held:
    """The connection with a new token, which is committed before anything else is done with it.

    If the API gives none, the old token lives on to its own end; it is tried again next time, and the ladder warns.
    """
    renew = tokens.exchange_facebook if old.login_flavour == "facebook" else tokens.refresh_instagram
    try:
        new = renew(client, token, now)
    except GraphError as error:
        log.warning("%s: the token was not renewed, which is tried again next time: %s", old.label, error)
        if isinstance(error, ThrottledError):
            _rest(conn, old, error, now)
        return old
    kept = replace(old, token_encrypted=vault.lock(new.token), token_issued_at=now, token_expires_at=new.expires_at)
    conn.execute(
        """
        update app.connections
        set token_encrypted = %(new)s, token_issued_at = %(token_issued_at)s, token_expires_at = %(token_expires_at)s
        where account_id = %(account_id)s and token_encrypted = %(old)s
        """,
        {**vars(kept), "new": kept.token_encrypted, "old": old.token_encrypted},
    )
    conn.commit()
    log.info("%s: the token was renewed, to last until %s", old.label, _minute(new.expires_at))
    return kept


def _rest(conn: psycopg.Connection, connection: Held, error: ThrottledError, now: datetime) -> None:
    """Let the throttled pool rest, for the capture too: calls made meanwhile would lengthen the block."""
    pool = pools.app_pool(connection.login_flavour) if error.scope == "app" else connection.ig_user_id
    pools.note(conn, {}, {pool: now + (error.wait or pools.REST)}, now)
    conn.commit()


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "a time not told"


def _keep(conn: psycopg.Connection, before: Held, after: Held, now: datetime) -> None:
    """Write what an inspection brought, unless the creator has connected anew meanwhile."""
    conn.execute(
        """
        update app.connections
        set scopes = %(scopes)s,
            token_issued_at = %(token_issued_at)s,
            token_expires_at = %(token_expires_at)s,
            data_access_expires_at = %(data_access_expires_at)s,
            inspected_at = %(now)s
        where account_id = %(account_id)s and token_encrypted = %(token_encrypted)s
        """,
        {**vars(after), "now": now},
    )
    status, reason = judge(before, after, now)
    mark(conn, before.account_id, status, reason, now, used=after.token_encrypted)
    conn.commit()


def _out_of_reach(
    flavour: Flavour, client: GraphClient | None, asked: int, errors: list[GraphError]
) -> StorykeepError | None:
    """What keeps every connection of a flavour from being inspected; None when at least one was."""
    setting = f"AIRFLOW_CONN_GRAPH_{flavour.upper()}"
    if client is None:
        return StorykeepError(
            f"the app is not set up, so {asked} tokens could not be inspected",
            where=setting,
            remedy="set it as .env.example shows",
        )
    if len(errors) < asked:
        return None
    return StorykeepError(
        f"not one of {asked} tokens could be inspected, the first because: {errors[0]}",
        where=f"Graph API at {client.api.base_url}",
        remedy=f"check the network, and app id and secret in {setting}",
    )
