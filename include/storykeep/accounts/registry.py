"""The registry of accounts: import, list, and whom capture may ask."""

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.rows import class_row
from pydantic import SecretStr

from storykeep.accounts.connections import Held, held
from storykeep.accounts.connections import mark as mark
from storykeep.accounts.connections import react as react
from storykeep.accounts.goodbye.readmission import is_purged, readmit
from storykeep.accounts.modes import Mode, resting
from storykeep.accounts.pools import pools_of
from storykeep.accounts.rows import AccountRow, read_accounts
from storykeep.accounts.signin.consent import Consent, keep_consent, token_hash
from storykeep.accounts.states import CAPTURED, GOODBYE, TROUBLE, State, condition
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.settings import Flavour

Outcome = Literal["connected", "reconnected", "unchanged", "not tracked", "still disconnected", "still purged"]


@dataclass(frozen=True)
class ImportResult:
    """What an import did: accounts by outcome, and the rows that were left out, each with its reason."""

    outcomes: dict[Outcome, int]
    faults: tuple[StorykeepError, ...]


@dataclass(frozen=True)
class Connection:
    """An account that capture may ask, with its token. Without insights only the listing is to be asked for."""

    account_id: str
    ig_user_id: str
    username: str
    login_flavour: Flavour
    token: SecretStr
    token_encrypted: bytes = field(repr=False)
    token_version: int  # names this very token in a verdict over it
    status: str
    can_read_insights: bool


@dataclass(frozen=True)
class Unreadable:
    """An account whose token no key opens."""

    account_id: str
    username: str
    error: StorykeepError


@dataclass(frozen=True)
class Listed:
    """One line of `storykeep accounts list`. An account without a connection has no flavour and no times."""

    account_id: str
    username: str
    ig_user_id: str
    creator: str
    login_flavour: Flavour | None
    status: str
    reason: str | None
    mode: str
    connected_at: datetime | None
    token_expires_at: datetime | None
    data_access_expires_at: datetime | None


def account_id_of(ig_user_id: str) -> str:
    """The account's own id: the same for the same Instagram user in every warehouse."""
    return f"acc_{_hash(ig_user_id)[:16]}"


def shard_of(account_id: str, shards: int) -> int:
    """Which of `shards` an account belongs to: always the same one."""
    return int(_hash(account_id)[:8], 16) % shards


def import_accounts(
    conn: psycopg.Connection, vault: Vault, source: Path | str, now: datetime, *, anew: Collection[str] = ()
) -> ImportResult:
    """Register the accounts of a CSV file (or its text), connect those that bring a token, and commit.

    Rows with a fault are left out and reported; the others go in. A token that was imported before changes nothing,
    whatever has become of the connection since; another one is a reconnect. An account that was purged stays so unless
    its handle is among those `anew`, whose creators have consented since.
    Raises StorykeepError when the file as a whole cannot be used.
    """
    rows, faults = read_accounts(source)
    handles = {handle.removeprefix("@").lower() for handle in anew}
    with conn.transaction():
        outcomes = Counter(_register(conn, vault, row, now, is_anew=row.username in handles) for row in rows)
    conn.commit()
    return ImportResult(dict(outcomes), tuple(faults))


def list_accounts(conn: psycopg.Connection) -> list[Listed]:
    """Every account with the state of its connection, in the order of handles.

    One that was never connected shows what came of its last sign-in.
    """
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(
            """
            select accounts.account_id, accounts.username, ig_user_id, creators.name as creator, login_flavour,
                coalesce(connections.status, nullif(attempt.status, %s), %s) as status,
                case when connections.status is null then attempt.reason else connections.reason end as reason,
                coalesce(mode, %s) as mode, connected_at, token_expires_at, data_access_expires_at
            from app.accounts
            join app.creators using (creator_id)
            left join app.connections using (account_id)
            left join lateral (
                select mode from app.capture_modes
                where capture_modes.account_id = accounts.account_id
                order by since desc limit 1
            ) as wished on true
            left join lateral (
                select status, reason from app.sign_ins
                where sign_ins.account_id = accounts.account_id
                order by begun_at desc, sign_in_id desc limit 1
            ) as attempt on true
            order by accounts.username, accounts.account_id
            """,
            [State.CONNECTED.value, State.NOT_TRACKED.value, Mode.AUTOMATIC.value],
        ).fetchall()


def find_account(conn: psycopg.Connection, username: str) -> str:
    """The id of the account with this handle (with or without @). Raises StorykeepError unless there is one."""
    handle = username.removeprefix("@").lower()
    found = conn.execute("select account_id, ig_user_id from app.accounts where username = %s", [handle]).fetchall()
    if len(found) == 1:
        return str(found[0][0])
    if found:
        ids = ", ".join(ig_user_id for _, ig_user_id in found)
        raise StorykeepError(
            f"several accounts have this handle ({ids})",
            where=f"@{handle}",
            remedy="import the accounts again with their present handles",
        )
    raise StorykeepError("there is no such account", where=f"@{handle}", remedy="see: storykeep accounts list")


def capturable(
    conn: psycopg.Connection, vault: Vault, *, shard: int, shards: int
) -> tuple[list[Connection], list[Unreadable]]:
    """The connections of one shard that may be asked for stories, and those whose token no key opens.

    An account that is paused or manual is not among them.
    """
    connections: list[Connection] = []
    unreadable: list[Unreadable] = []
    left_alone = resting(conn)
    for one in held(conn):
        if one.account_id in left_alone:
            continue
        if one.state not in CAPTURED or one.token_encrypted is None or shard_of(one.account_id, shards) != shard:
            continue
        try:
            connections.append(_opened(vault, one, one.token_encrypted))
        except StorykeepError as error:
            unreadable.append(Unreadable(one.account_id, one.username, error))
    return connections, unreadable


def pools_of_captured(conn: psycopg.Connection, flavours: Collection[Flavour]) -> dict[str, frozenset[str]]:
    """The accounts of these flavours that are to be captured, with the names of their rate-limit pools."""
    rows = conn.execute(
        """
        select account_id, ig_user_id, login_flavour
        from app.connections join app.accounts using (account_id)
        where status = any(%s) and login_flavour = any(%s) and account_id <> all(%s)
        """,
        [list(CAPTURED), list(flavours), list(resting(conn))],
    )
    return {account_id: pools_of(ig_user_id, flavour) for account_id, ig_user_id, flavour in rows}


def connection_of(conn: psycopg.Connection, vault: Vault, username: str) -> Connection:
    """The connection of one account by its handle.

    Raises StorykeepError with the remedy when there is no such account, it is paused or manual, it is not connected or
    in trouble, or no key opens its token.
    """
    account_id = find_account(conn, username)
    if mode := resting(conn).get(account_id):
        handle = username.removeprefix("@")
        raise StorykeepError(
            f"it is not read: {mode}",
            where=f"@{handle}",
            remedy=f"if its creator agrees: storykeep accounts resume {handle}",
        )
    one = next(iter(held(conn, account_id)), None)
    state, reason = (one.state, one.why) if one else (State.NOT_TRACKED, None)
    if one is None or state in TROUBLE or one.token_encrypted is None:
        why = f"{state} ({reason})" if reason else state
        remedy = condition(state, reason)
        raise StorykeepError(
            f"it cannot be read: {why}",
            where=f"@{username.removeprefix('@')}",
            remedy=f"{remedy.owner}: {remedy.remedy}",
        )
    return _opened(vault, one, one.token_encrypted)


def _opened(vault: Vault, one: Held, token_encrypted: bytes) -> Connection:
    return Connection(
        one.account_id,
        one.ig_user_id,
        one.username,
        one.login_flavour,
        vault.unlock(token_encrypted, whose=one.label),
        token_encrypted,
        one.token_version,
        one.status,
        can_read_insights=one.state is not State.CONNECTED_NO_INSIGHTS,
    )


def _register(conn: psycopg.Connection, vault: Vault, row: AccountRow, now: datetime, *, is_anew: bool) -> Outcome:
    if is_anew and row.token:
        readmit(conn, row.ig_user_id, now)
    elif is_purged(conn, row.ig_user_id):
        return "still purged"
    account_id = keep_account(conn, row.ig_user_id, row.username, now, creator=row.creator)
    known = conn.execute(
        "select token_hash, status from app.connections where account_id = %s for update", [account_id]
    ).fetchone()
    if row.token is None:
        return "unchanged" if known else "not tracked"
    if known and known[0] == token_hash(row.token):
        # Who said goodbye stays so until the creator consents anew, which brings another token.
        return "still disconnected" if known[1] in GOODBYE else "unchanged"
    return keep_consent(conn, vault, account_id, _consent(row, row.token), now)


def _consent(row: AccountRow, token: SecretStr) -> Consent:
    return Consent(
        source="import",
        login_flavour=row.login_flavour,
        token=token,
        token_expires_at=row.token_expires_at,
        data_access_expires_at=row.data_access_expires_at,
        page_id=row.page_id,
        page_token=row.page_token,
        text_version=row.consent_text_version,
        usage_rights=row.usage_rights,
    )


def keep_account(
    conn: psycopg.Connection, ig_user_id: str, username: str, now: datetime, *, creator: str | None = None
) -> str:
    """Insert or update the account, and return its id. Where no creator is named, a known one stays as it is.

    Does not commit.
    """
    account_id = account_id_of(ig_user_id)
    known = conn.execute("select creator_id from app.accounts where account_id = %s", [account_id]).fetchone()
    creator_id = known[0] if known and not creator else _keep_creator(conn, creator or username)
    conn.execute(
        """
        insert into app.accounts (account_id, creator_id, ig_user_id, username, added_at)
        values (%s, %s, %s, %s, %s)
        on conflict (account_id) do update
        set username = excluded.username, creator_id = excluded.creator_id
        where (accounts.username, accounts.creator_id) is distinct from (excluded.username, excluded.creator_id)
        """,
        [account_id, creator_id, ig_user_id, username, now],
    )
    return account_id


def _keep_creator(conn: psycopg.Connection, name: str) -> str:
    creator_id = f"cre_{_hash(name.casefold())[:16]}"
    conn.execute(
        "insert into app.creators (creator_id, name) values (%s, %s) on conflict do nothing", [creator_id, name]
    )
    return creator_id


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
