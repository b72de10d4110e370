"""A sign-in from the link to the connection: start, arrive, connect. The pages and the terminal only show it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from storykeep.accounts.connections import held, mark
from storykeep.accounts.goodbye.readmission import readmit
from storykeep.accounts.registry import account_id_of, keep_account
from storykeep.accounts.signin.attempts import Attempt, Invitation, begin, end_abandoned, finish, take
from storykeep.accounts.signin.consent import Consent, Outcome, keep_consent
from storykeep.accounts.signin.dialog import Callback, authorize_url, read_callback
from storykeep.accounts.signin.discovery import DiscoveryError, Found, Granted, discover, why_not_found
from storykeep.accounts.signin.trouble import SignInError, Trouble
from storykeep.accounts.states import Reason, State
from storykeep.accounts.vault import Vault
from storykeep.accounts.verdict import judge
from storykeep.graph.client import GraphClient
from storykeep.settings import Flavour, GraphSettings


@dataclass(frozen=True)
class Started:
    """A link that is out: whose attempt it is, and the address that the creator opens."""

    sign_in_id: int
    url: str


@dataclass(frozen=True)
class Arrival:
    """Who came back, with which accounts. `trouble` is why the invited one is not among them, None if it is.

    Nothing is connected yet: the person chooses.
    """

    attempt: Attempt
    granted: Granted
    found: tuple[Found, ...]
    trouble: Trouble | None

    @property
    def invited(self) -> Found | None:
        """The account that was invited, if it came."""
        return next((one for one in self.found if _is_invited(self.attempt, one)), None)


@dataclass(frozen=True)
class Connected:
    """What became of one account."""

    username: str
    account_id: str
    outcome: Outcome
    status: State
    reason: Reason | None


def start(conn: psycopg.Connection, api: GraphSettings, invitation: Invitation, now: datetime) -> Started:
    """Begin an attempt and commit. Raises StorykeepError for an invitation that cannot be."""
    end_abandoned(conn, now)
    sign_in_id, state = begin(conn, invitation, now)
    return Started(sign_in_id, authorize_url(api, invitation.redirect_uri, state))


def arrive(
    conn: psycopg.Connection,
    clients: Mapping[Flavour, GraphClient],
    address: str,
    now: datetime,
    *,
    expected: int | None = None,
    invited: str | None = None,
) -> Arrival:
    """Take the address at which a browser came back, and find out what the sign-in is worth.

    `expected` is the attempt that this very person began, `invited` the handle that it has to be for. Raises
    StorykeepError for an address that is of no living attempt, and SignInError, which is written down, when there is
    nothing to connect.
    """
    callback = read_callback(address)
    attempt = take(conn, callback, now, expected=expected, invited=invited)
    try:
        client = _client(clients, attempt.login_flavour)
        if callback.code is None:
            raise DiscoveryError(_declined(callback))
        discovery = discover(client, callback.code, attempt.redirect_uri, now)
    except DiscoveryError as error:
        raise ended(conn, attempt, error.trouble, now) from error
    arrival = Arrival(attempt, discovery.granted, discovery.found, None)
    if attempt.username is None or arrival.invited is not None:
        return arrival
    missing = why_not_found(client, discovery, attempt.username)
    return Arrival(attempt, discovery.granted, discovery.found, missing)


def connect_chosen(
    conn: psycopg.Connection,
    vault: Vault,
    arrival: Arrival,
    chosen: Collection[str],
    now: datetime,
    *,
    confirmed: bool = False,
) -> list[Connected]:
    """Connect the chosen accounts (IG user ids), all or none of them, end the attempt well, and commit.

    Who was invited as one account connects another only if that is `confirmed`. Raises SignInError, and ends the
    attempt with it, for an account that cannot be connected or is another's, and when none is chosen.
    """
    accounts = [one for one in arrival.found if one.ig_user_id in chosen]
    trouble = _refusal(arrival, accounts, confirmed)
    if trouble is not None:
        raise ended(conn, arrival.attempt, trouble, now)
    with conn.transaction():
        done = [_connect(conn, vault, arrival, one, now) for one in accounts]
        finish(conn, arrival.attempt.sign_in_id, None, now)
    conn.commit()
    return done


def ended(conn: psycopg.Connection, attempt: Attempt, trouble: Trouble, now: datetime) -> SignInError:
    """Write down that an attempt ended in trouble, and commit; the error to raise."""
    finish(conn, attempt.sign_in_id, trouble, now)
    conn.commit()
    return SignInError(trouble, where=attempt.label)


def _client(clients: Mapping[Flavour, GraphClient], flavour: Flavour) -> GraphClient:
    if flavour not in clients:
        what = f"AIRFLOW_CONN_GRAPH_{flavour.upper()} names no app any more"
        raise DiscoveryError(Trouble(Reason.SIGN_IN_FAILED, what))
    return clients[flavour]


def _declined(callback: Callback) -> Trouble:
    """The dialog's own answer. Anybody can put words into an address, so only a short piece of them is kept."""
    if callback.error == "access_denied":
        return Trouble(Reason.ACCESS_DENIED)
    told = f"{callback.error} {callback.error_text}".strip()
    return Trouble(Reason.SIGN_IN_FAILED, "".join(letter for letter in told[:200] if letter.isprintable()))


def _is_invited(attempt: Attempt, found: Found) -> bool:
    """By identity where it is known, since a handle may have changed; else by handle."""
    if attempt.account_id is not None:
        return account_id_of(found.ig_user_id) == attempt.account_id
    return found.username == attempt.username


def _refusal(arrival: Arrival, accounts: list[Found], confirmed: bool) -> Trouble | None:
    if not accounts:
        return arrival.trouble or _common(arrival.found) or Trouble(Reason.FLOW_ABANDONED, "no account was chosen")
    wrong = next((one.trouble for one in accounts if one.trouble is not None), None)
    if wrong is not None:
        return wrong
    strangers = [one for one in accounts if arrival.attempt.username and not _is_invited(arrival.attempt, one)]
    if strangers and not confirmed:
        return Trouble(Reason.WRONG_ACCOUNT, "signed in as " + ", ".join(f"@{one.username}" for one in strangers))
    return None


def _common(found: tuple[Found, ...]) -> Trouble | None:
    """What left no choice: the first trouble where every account has one."""
    return found[0].trouble if all(one.trouble for one in found) else None


def _connect(conn: psycopg.Connection, vault: Vault, arrival: Arrival, found: Found, now: datetime) -> Connected:
    readmit(conn, found.ig_user_id, now)  # a sign-in is a consent, whatever was purged before
    account_id = keep_account(conn, found.ig_user_id, found.username, now)
    outcome = keep_consent(conn, vault, account_id, _consent(arrival, found), now)
    (one,) = held(conn, account_id)
    status, reason = judge(one, one, now)  # what the watch would say of it at once
    mark(conn, account_id, status, reason, now)
    return Connected(found.username, account_id, outcome, status, reason)


def _consent(arrival: Arrival, found: Found) -> Consent:
    granted, page = arrival.granted, found.page
    return Consent(
        source="sign_in",
        login_flavour=granted.login_flavour,
        token=granted.token,
        token_issued_at=granted.issued_at,
        token_expires_at=granted.expires_at,
        data_access_expires_at=granted.data_access_expires_at,
        scopes=granted.scopes,
        page_id=page.page_id if page else None,
        page_name=page.name if page else None,
        page_tasks=page.tasks if page else None,
        page_token=page.token if page else None,
        granter_id=granted.granter_id,
        granter_name=granted.granter_name,
        text_version=arrival.attempt.text_version,
        usage_rights=arrival.attempt.usage_rights,
    )
