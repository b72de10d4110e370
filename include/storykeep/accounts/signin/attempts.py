"""Attempts to connect an account: begun with a link, taken once by whoever comes back, ended with an outcome."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row
from pydantic import SecretStr

from storykeep.accounts.rows import USERNAME
from storykeep.accounts.signin.dialog import Callback, check_redirect_uri, leads_to
from storykeep.accounts.signin.trouble import Trouble
from storykeep.accounts.states import Reason, State
from storykeep.errors import StorykeepError
from storykeep.settings import Flavour

LIFE = timedelta(minutes=15)
AGAIN = "begin again: storykeep accounts connect"


@dataclass(frozen=True)
class Invitation:
    """Whom a link is for, and what that person agrees to. Without a handle anybody may come."""

    login_flavour: Flavour
    redirect_uri: str
    username: str | None = None
    entry_point: str | None = None
    brand_id: str | None = None
    text_version: str | None = None
    usage_rights: str | None = None


@dataclass(frozen=True)
class Attempt:
    """An attempt whose state was taken. `account_id` is None while the invited handle is of no known account."""

    sign_in_id: int
    login_flavour: Flavour
    account_id: str | None
    username: str | None
    redirect_uri: str
    text_version: str | None
    usage_rights: str | None

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"@{self.username}" if self.username else f"sign-in {self.sign_in_id}"


@dataclass(frozen=True)
class Tries:
    """How often an account was tried to be connected, and what came of the last time."""

    count: int
    last_begun_at: datetime
    status: State
    reason: Reason | None
    detail: str | None


def begin(
    conn: psycopg.Connection,
    invitation: Invitation,
    now: datetime,
    *,
    draw: Callable[[], str] = lambda: secrets.token_urlsafe(32),
) -> tuple[int, SecretStr]:
    """Write an attempt down and commit; returns its id and the state that proves it, which nothing else ever shows.

    Raises StorykeepError for an address or a handle that cannot be, and for a brand that there is not.
    """
    check_redirect_uri(invitation.redirect_uri)
    handle = _handle(invitation.username)
    state = SecretStr(draw())
    row = {
        **vars(invitation),
        "username": handle,
        "account_id": _account_of(conn, handle) if handle else None,
        "state_hash": _hash(state),
        "now": now,
        "expires_at": now + LIFE,
    }
    try:
        (sign_in_id,) = conn.execute(_BEGIN, row).fetchone() or (0,)
    except psycopg.errors.ForeignKeyViolation:
        conn.rollback()
        raise StorykeepError(
            "there is no such brand", where=str(invitation.brand_id), remedy="see: storykeep campaigns list"
        ) from None
    conn.commit()
    return sign_in_id, state


def take(
    conn: psycopg.Connection,
    callback: Callback,
    now: datetime,
    *,
    expected: int | None = None,
    invited: str | None = None,
) -> Attempt:
    """The attempt that a callback belongs to, whose state is used up by that, and commit.

    Of two callbacks with one state, one gets it. `expected` is the attempt that this person began, `invited` the handle
    that it has to be for: another's state is refused and stays good for whom it belongs to. Raises StorykeepError, and
    then nothing may be asked of the API.
    """
    attempt = _attempt_of(conn, callback.state)
    if attempt is None or expected not in (None, attempt.sign_in_id):
        raise StorykeepError("its state belongs to no sign-in that was begun here", where="callback", remedy=AGAIN)
    if invited is not None and _handle(invited) != attempt.username:
        raise StorykeepError(
            f"the sign-in of this callback was begun for {attempt.label}", where=invited, remedy="name the same account"
        )
    if not leads_to(callback, attempt.redirect_uri):
        raise StorykeepError(
            f"it did not arrive at {attempt.redirect_uri}", where=attempt.label, remedy="trust no other address"
        )
    taken = conn.execute(
        """
        update app.sign_ins
        set taken_at = %(now)s
        where sign_in_id = %(sign_in_id)s and taken_at is null and ended_at is null and expires_at > %(now)s
        """,
        {"sign_in_id": attempt.sign_in_id, "now": now},
    )
    conn.commit()
    if taken.rowcount == 0:
        raise StorykeepError(
            f"this sign-in was used already, or begun more than {LIFE // timedelta(minutes=1)} minutes ago",
            where=attempt.label,
            remedy=AGAIN,
        )
    return attempt


def finish(conn: psycopg.Connection, sign_in_id: int, trouble: Trouble | None, now: datetime) -> None:
    """Write down how an attempt ended, None for well. Does not commit: it belongs to what came of it."""
    conn.execute(
        """
        update app.sign_ins
        set ended_at = %(now)s, status = %(status)s, reason = %(reason)s, detail = %(detail)s
        where sign_in_id = %(sign_in_id)s and ended_at is null
        """,
        {
            "sign_in_id": sign_in_id,
            "now": now,
            "status": (trouble.state if trouble else State.CONNECTED).value,
            "reason": trouble.reason.value if trouble else None,
            "detail": trouble.detail or None if trouble else None,
        },
    )


def end_abandoned(conn: psycopg.Connection, now: datetime) -> int:
    """End every attempt whose time is over with the reason flow_abandoned; says how many. Does not commit."""
    abandoned = Trouble(Reason.FLOW_ABANDONED)
    return conn.execute(
        """
        update app.sign_ins
        set ended_at = expires_at, status = %s, reason = %s
        where ended_at is null and expires_at <= %s
        """,
        [abandoned.state.value, abandoned.reason.value, now],
    ).rowcount


def tries(conn: psycopg.Connection, account_id: str) -> Tries | None:
    """The attempts of an account so far; None when there was none."""
    row = conn.execute(
        """
        select count(*) over (), begun_at, status, reason, detail
        from app.sign_ins
        where account_id = %s
        order by begun_at desc, sign_in_id desc
        limit 1
        """,
        [account_id],
    ).fetchone()
    if row is None:
        return None
    count, begun_at, status, reason, detail = row
    return Tries(count, begun_at, State(status), Reason(reason) if reason else None, detail)


def _attempt_of(conn: psycopg.Connection, state: SecretStr) -> Attempt | None:
    with conn.cursor(row_factory=class_row(Attempt)) as cursor:
        found = cursor.execute(
            """
            select sign_in_id, login_flavour, account_id, username, redirect_uri, text_version, usage_rights
            from app.sign_ins
            where state_hash = %s
            """,
            [_hash(state)],
        ).fetchone()
    conn.commit()
    return found


def _handle(username: str | None) -> str | None:
    if username is None:
        return None
    handle = username.removeprefix("@").lower()
    if not USERNAME.fullmatch(handle):
        raise StorykeepError(
            f"{username!r} is no Instagram handle", where="invitation", remedy="letters, digits, . and _, at most 30"
        )
    return handle


def _account_of(conn: psycopg.Connection, handle: str) -> str | None:
    """The known account of a handle. One that several had is nobody's until who signs in tells."""
    found = conn.execute("select account_id from app.accounts where username = %s", [handle]).fetchall()
    return found[0][0] if len(found) == 1 else None


def _hash(state: SecretStr) -> str:
    return hashlib.sha256(state.get_secret_value().encode()).hexdigest()


_BEGIN = """
    insert into app.sign_ins (state_hash, login_flavour, account_id, username, redirect_uri, entry_point, brand_id,
        text_version, usage_rights, begun_at, expires_at)
    values (%(state_hash)s, %(login_flavour)s, %(account_id)s, %(username)s, %(redirect_uri)s, %(entry_point)s,
        %(brand_id)s, %(text_version)s, %(usage_rights)s, %(now)s, %(expires_at)s)
    returning sign_in_id
"""
