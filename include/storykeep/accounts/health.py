"""The token watch: inspects every connection, renews what can be renewed and finds what people must be told.

One account's failure stays that account's: its state stands as it was and it is looked at again next time.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg

from storykeep.accounts.alerts import Alert, due, lost_token, told, urgency
from storykeep.accounts.connections import READ_SCOPE, Held, held, mark, react
from storykeep.accounts.inspection import Opened, inspections
from storykeep.accounts.renewal import renewed, returned
from storykeep.accounts.snooze import awake, snoozed
from storykeep.accounts.states import AFTER_REFUSAL, FINAL, Reason
from storykeep.accounts.vault import Vault
from storykeep.accounts.verdict import judge, learned, should_inspect, should_renew
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import GraphError, PermissionMissingError, ThrottledError
from storykeep.graph.tokens import TokenFacts
from storykeep.settings import FLAVOURS, Flavour

log = logging.getLogger(__name__)


def check_tokens(
    conn: psycopg.Connection, vault: Vault, clients: Mapping[Flavour, GraphClient], clock: Clock
) -> list[Alert]:
    """Inspect and renew every connection, commit what was learned, and return the alerts that are not yet told.

    What was inspected less than an hour ago is not asked again without a cause, and nothing is sent to a rate-limit
    pool that rests. An inspection that fails is no alert. Raises StorykeepError when nobody is to be told anything, but
    not one token of a login flavour could be inspected: then its API is out of reach, or the app is set up wrongly.
    """
    opened, lost = _open([one for one in held(conn) if _is_due(one, clock())], vault)
    troubles: list[StorykeepError] = []
    for flavour in FLAVOURS:
        mine = [one for one in opened if one.connection.login_flavour == flavour]
        client = clients.get(flavour)
        errors = _check(conn, vault, client, mine, clock) if client else []
        if mine and (client is None or len(errors) == len(mine)):
            troubles.append(_out_of_reach(flavour, client, len(mine), errors))
    already = told(conn)
    alerts = [alert for alert in lost if alert.key not in already] + due(held(conn), clock(), already)
    alerts = awake(alerts, snoozed(conn, clock()))
    conn.commit()
    for trouble in troubles:
        if not alerts:
            raise trouble
        log.error("%s", trouble)  # alerts go first: they are told now, and this next time
    return sorted(alerts, key=urgency)


def unreadable(connections: list[Held], vault: Vault) -> list[Alert]:
    """An alert for each token that no key opens."""
    return _open([one for one in connections if _is_watched(one)], vault)[1]


def _is_watched(connection: Held) -> bool:
    return connection.token_encrypted is not None and connection.state not in FINAL


def _is_due(connection: Held, now: datetime) -> bool:
    return _is_watched(connection) and should_inspect(connection, now)


def _open(connections: list[Held], vault: Vault) -> tuple[list[Opened], list[Alert]]:
    """The connections with their tokens, and an alert for each token that no key opens."""
    opened: list[Opened] = []
    lost: list[Alert] = []
    for connection in connections:
        try:
            token = vault.unlock(connection.token_encrypted or b"", whose=connection.label)
            opened.append(Opened(connection, token))
        except StorykeepError as error:
            lost.append(lost_token(connection, error))
    return opened, lost


def _check(
    conn: psycopg.Connection, vault: Vault, client: GraphClient, opened: Sequence[Opened], clock: Clock
) -> list[GraphError]:
    """Inspect the tokens of a flavour and renew those that it is time for; returns why some were not inspected.

    What has another token afterwards is inspected again at once: a renewed token is to work before the old one goes,
    and one that is returned to may be dead too. Nothing is renewed twice.
    """
    errors, again = _round(conn, vault, client, opened, clock, may_renew=True)
    while again:
        _, again = _round(conn, vault, client, again, clock, may_renew=False)
    return errors


def _round(
    conn: psycopg.Connection,
    vault: Vault,
    client: GraphClient,
    opened: Sequence[Opened],
    clock: Clock,
    *,
    may_renew: bool,
) -> tuple[list[GraphError], list[Opened]]:
    """Inspect these tokens once; returns the errors, but for throttling, and what has another token now."""
    errors: list[GraphError] = []
    again: list[Opened] = []
    for one in inspections(conn, client, opened, clock):
        if isinstance(one.facts, PermissionMissingError) and one.facts.scope == READ_SCOPE[client.api.flavour]:
            # Instagram answers so where permission was withdrawn; its token lives on.
            before = one.opened.connection
            react(conn, before.account_id, one.facts, clock(), used=before.token_version)
            conn.commit()
        elif isinstance(one.facts, GraphError):
            label = one.opened.connection.label
            log.warning("%s: not inspected, which is tried again next time: %s", label, one.facts)
            errors += [] if isinstance(one.facts, ThrottledError) else [one.facts]
        elif not one.facts.is_valid:
            again += _end(conn, vault, one.opened.connection, one.facts, clock())
        else:
            again += _live_on(conn, vault, client, one.opened, one.facts, clock(), may_renew=may_renew)
    return errors, again


def _end(conn: psycopg.Connection, vault: Vault, before: Held, facts: TokenFacts, now: datetime) -> list[Opened]:
    """Give up a dead token; returns the connection if it has another one."""
    if old := returned(conn, vault, before, now):
        return [old]
    reason = Reason(facts.reason or Reason.TOKEN_INVALID)
    mark(conn, before.account_id, AFTER_REFUSAL[reason], reason, now, used=before.token_version)
    conn.commit()
    return []


def _live_on(
    conn: psycopg.Connection,
    vault: Vault,
    client: GraphClient,
    opened: Opened,
    facts: TokenFacts,
    now: datetime,
    *,
    may_renew: bool,
) -> list[Opened]:
    """Keep what was learned of a living token, renew it if it is time; returns the connection if it has another one."""
    before = opened.connection
    after = learned(before, facts, now)
    new = None
    if may_renew and should_renew(after, now):
        new = renewed(conn, vault, client, Opened(after, opened.token), now)
    _keep(conn, before, new.connection if new else after, now)
    return [new] if new else []


def _keep(conn: psycopg.Connection, before: Held, after: Held, now: datetime) -> None:
    """Write what an inspection brought, unless the creator has connected anew meanwhile.

    Once the present token itself has been inspected, the one before it is needed no more.
    """
    conn.execute(
        """
        update app.connections
        set scopes = %(scopes)s,
            token_issued_at = %(token_issued_at)s,
            token_expires_at = %(token_expires_at)s,
            data_access_expires_at = %(data_access_expires_at)s,
            previous_token_encrypted = case when %(has_worked)s then null else previous_token_encrypted end,
            inspected_at = %(now)s
        where account_id = %(account_id)s and token_version = %(token_version)s
        """,
        {**vars(after), "has_worked": after.token_version == before.token_version, "now": now},
    )
    status, reason = judge(before, after, now)
    mark(conn, before.account_id, status, reason, now, used=after.token_version)
    conn.commit()


def _out_of_reach(
    flavour: Flavour, client: GraphClient | None, asked: int, errors: Sequence[GraphError]
) -> StorykeepError:
    """What keeps every connection of a flavour from being inspected."""
    setting = f"AIRFLOW_CONN_GRAPH_{flavour.upper()}"
    if client is None:
        return StorykeepError(
            f"the app is not set up, so {asked} tokens could not be inspected",
            where=setting,
            remedy="set it as .env.example shows",
        )
    return StorykeepError(
        f"not one of {asked} tokens could be inspected, the first because: {errors[0]}",
        where=f"Graph API at {client.api.base_url}",
        remedy=f"check the network, and app id and secret in {setting}",
    )
