"""Connections as the token watch sees them, and the one way in which a connection changes its state."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from storykeep.accounts.states import AFTER_REFUSAL, CAPTURED, GOODBYE, Reason, State
from storykeep.causes import Cause
from storykeep.graph.errors import GoneError, GraphError, PermissionMissingError, ReconnectError
from storykeep.settings import Flavour

READ_SCOPE: dict[Flavour, str] = {"facebook": "instagram_basic", "instagram": "instagram_business_basic"}
INSIGHTS_SCOPE: dict[Flavour, str] = {
    "facebook": "instagram_manage_insights",
    "instagram": "instagram_business_manage_insights",
}
# An account may be out of sight for so long before a person is asked; an incident of the platform is over by then.
GONE_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Held:
    """A connection as it is held in the database. Scopes and times are None while they are not known."""

    account_id: str
    ig_user_id: str
    username: str
    login_flavour: Flavour
    token_encrypted: bytes | None
    scopes: list[str] | None
    status: str
    reason: str | None
    status_since: datetime
    connected_at: datetime
    token_issued_at: datetime | None
    token_expires_at: datetime | None
    data_access_expires_at: datetime | None
    token_version: int = 1
    previous_token_encrypted: bytes | None = None
    inspected_at: datetime | None = None

    @property
    def state(self) -> State:
        """The status as a member of the enumeration."""
        return State(self.status)

    @property
    def why(self) -> Reason | None:
        """The reason as a member of the enumeration."""
        return Reason(self.reason) if self.reason else None

    @property
    def label(self) -> str:
        """How messages name the connection."""
        return f"@{self.username} ({self.account_id})"


def held(conn: psycopg.Connection, account_id: str | None = None) -> list[Held]:
    """Every connection, in the order of its account id, or the one of an account."""
    with conn.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """
            select account_id, ig_user_id, username, login_flavour, token_encrypted, scopes, status, reason,
                status_since, connected_at, token_issued_at, token_expires_at, data_access_expires_at, token_version,
                previous_token_encrypted, inspected_at
            from app.connections
            join app.accounts using (account_id)
            where account_id = %(account_id)s or %(account_id)s::text is null
            order by account_id
            """,
            {"account_id": account_id},
        ).fetchall()


def missing_scopes(flavour: Flavour, scopes: Collection[str] | None) -> list[str]:
    """The permissions without which stories cannot be kept in full; none while the granted ones are not known."""
    needed = (READ_SCOPE[flavour], INSIGHTS_SCOPE[flavour])
    return [] if scopes is None else [scope for scope in needed if scope not in scopes]


def mark(
    conn: psycopg.Connection,
    account_id: str,
    status: State,
    reason: Reason | None,
    at: datetime,
    *,
    among: Collection[State] = frozenset(State) - GOODBYE,
    used: int | None = None,
) -> bool:
    """Give a connection a status, and append the event, if that changes it; says whether it did.

    The one way to change a status besides import and disconnect. Nothing happens when the present status is not
    `among` those that may change. `used` is the version of the token that was asked with: a verdict over it does not
    touch a newer one, from a reconnect or a renewal. Does not commit: the change belongs to the caller's transaction.
    """
    cursor = conn.execute(
        """
        with changed as (
            update app.connections
            set status = %(status)s,
                reason = %(reason)s,
                status_since = case when status = %(status)s then status_since else %(at)s end
            where account_id = %(account_id)s
                and (status, reason) is distinct from (%(status)s, %(reason)s)
                and status = any(%(among)s)
                and (%(used)s::bigint is null or token_version = %(used)s)
            returning account_id
        )
        insert into app.connection_events (account_id, happened_at, kind, status, reason)
        select account_id, %(at)s, 'status_changed', %(status)s, %(reason)s
        from changed
        """,
        {
            "account_id": account_id,
            "status": status.value,
            "reason": reason.value if reason else None,
            "at": at,
            "among": [state.value for state in among],
            "used": used,
        },
    )
    return cursor.rowcount == 1


def fall_back(conn: psycopg.Connection, account_id: str, at: datetime, *, used: int | None) -> bool:
    """Return to the token before the one that was refused before it ever worked; says whether one was kept.

    Nothing is known of its end any more. Does not commit, and spares a newer token, as mark() does.
    """
    cursor = conn.execute(
        """
        with returned as (
            update app.connections
            set token_encrypted = previous_token_encrypted,
                previous_token_encrypted = null,
                token_version = token_version + 1,
                token_issued_at = null,
                token_expires_at = null,
                inspected_at = null
            where account_id = %(account_id)s
                and previous_token_encrypted is not null
                and (%(used)s::bigint is null or token_version = %(used)s)
            returning status, reason
        )
        insert into app.connection_events (account_id, happened_at, kind, status, reason)
        select %(account_id)s, %(at)s, 'renewal_undone', status, reason
        from returned
        """,
        {"account_id": account_id, "used": used, "at": at},
    )
    return cursor.rowcount == 1


def react(
    conn: psycopg.Connection, account_id: str, error: GraphError, at: datetime, *, used: int | None = None
) -> bool:
    """End or degrade a connection whose token was just refused; says whether that changed it.

    The first refusal counts: a connection that has ended keeps its reason. Only an account that is out of sight is
    given a day. Other errors change nothing, and neither does a refusal of insights while the token is known to hold
    their permission: it is about the one story. A renewed token that never worked gives way to the one before it.
    """
    if isinstance(error, ReconnectError):
        if fall_back(conn, account_id, at, used=used):
            return False
        reason = Reason(error.reason)
        return mark(conn, account_id, AFTER_REFUSAL[reason], reason, at, among=CAPTURED, used=used)
    if isinstance(error, PermissionMissingError):
        verdict = _without_permission(conn, account_id, error, at)
        return verdict is not None and mark(conn, account_id, *verdict, at, among=CAPTURED, used=used)
    if isinstance(error, GoneError) and _is_lost(conn, account_id, at):
        return mark(conn, account_id, State.NEEDS_ACTION, Reason.ACCOUNT_GONE, at, among=CAPTURED, used=used)
    return False


def _is_lost(conn: psycopg.Connection, account_id: str, at: datetime) -> bool:
    """Whether an account was out of sight a day ago already and has not been seen since.

    A throttle in disguise does not last as long, and an outage of ours is no evidence.
    """
    row = conn.execute(
        """
        select count(*) > 0
        from raw.story_listings as listings
        join app.connections using (account_id)
        left join app.account_clock using (account_id)
        where
            listings.account_id = %(account_id)s
            and listings.status = 'failed' and listings.cause = %(cause)s
            and listings.captured_at > %(day_before)s and listings.captured_at <= %(yesterday)s
            and listings.captured_at > connections.connected_at
            and (account_clock.listed_at is null or account_clock.listed_at < listings.captured_at)
        """,
        {
            "account_id": account_id,
            "cause": Cause.PERMISSION.value,
            "yesterday": at - GONE_AFTER,
            "day_before": at - 2 * GONE_AFTER,
        },
    ).fetchone()
    return row is not None and bool(row[0])


def _without_permission(
    conn: psycopg.Connection, account_id: str, error: PermissionMissingError, at: datetime
) -> tuple[State, Reason] | None:
    """After the end of data access every permission is refused, so the clock is asked before the scope is blamed."""
    row = conn.execute(
        "select data_access_expires_at <= %s, login_flavour, scopes from app.connections where account_id = %s",
        [at, account_id],
    ).fetchone()
    if row is None:
        return None
    has_ended, flavour, scopes = row
    if has_ended:
        return State.DATA_ACCESS_ENDED, Reason.DATA_ACCESS_ENDED
    if error.scope in READ_SCOPE.values():
        return State.NEEDS_ACTION, Reason.MISSING_SCOPE
    if INSIGHTS_SCOPE[flavour] in (scopes or ()):
        return None
    return State.CONNECTED_NO_INSIGHTS, Reason.MISSING_SCOPE
