"""What is wrong with one account, and who has to do what: every check that registry and API allow, one by one.

Nothing is changed, save that a rate-limit pool which says that it is full is left to rest.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from pydantic import SecretStr

from storykeep.accounts import pools
from storykeep.accounts.connections import READ_SCOPE, Held, held, missing_scopes
from storykeep.accounts.registry import find_account
from storykeep.accounts.signin.attempts import tries
from storykeep.accounts.states import AFTER_REFUSAL, CAPTURED, TROUBLE, Owner, Reason, State, condition
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.graph import endpoints, tokens
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RequestError,
    ThrottledError,
)
from storykeep.graph.pages import Page, pages
from storykeep.settings import Flavour

# The task on a Page without which the API gives no insights of its Instagram account. New Pages name it differently.
ANALYZE = frozenset({"ANALYZE", "PROFILE_PLUS_ANALYZE"})
PROFESSIONAL = frozenset({"BUSINESS", "MEDIA_CREATOR"})


@dataclass(frozen=True)
class Finding:
    """What one check found. `is_well` is None when it could not be told; what is not well has an owner and a remedy."""

    check: str
    is_well: bool | None
    what: str
    owner: Owner | None = None
    remedy: str = ""


@dataclass(frozen=True)
class _Case:
    """A connection whose token could be opened, and the API that can be asked with it."""

    one: Held
    client: GraphClient
    token: SecretStr


def diagnose(
    conn: psycopg.Connection, vault: Vault, clients: Mapping[Flavour, GraphClient], username: str, now: datetime
) -> list[Finding]:
    """Run every check of one account that the ones before it leave a sense to.

    Raises StorykeepError when there is no such account.
    """
    account_id = find_account(conn, username)
    one = next(iter(held(conn, account_id)), None)
    conn.commit()  # no transaction stays open while the API is asked
    if one is None:
        return [_trouble("connection", State.NOT_TRACKED, None), *_tried(conn, account_id, None)]
    return [_recorded(one), *_tried(conn, account_id, one), *_looked_into(conn, vault, clients, one, now)]


def _recorded(one: Held) -> Finding:
    """What is known before anything is asked."""
    if one.state in TROUBLE or one.token_encrypted is None:
        return _trouble("connection", one.state, one.why)
    return Finding("connection", True, f"{one.status} since {one.status_since:%Y-%m-%d %H:%M} UTC")


def _tried(conn: psycopg.Connection, account_id: str, one: Held | None) -> Iterator[Finding]:
    """Why the last sign-in did not mend what is wrong. One that failed harms no good connection."""
    last = tries(conn, account_id)
    conn.commit()
    if last is None or last.status is State.CONNECTED:
        return
    if one is None or (one.state not in CAPTURED and last.last_begun_at >= one.status_since):
        yield _trouble(f"sign-in number {last.count}", last.status, last.reason, last.detail or "")


def _looked_into(
    conn: psycopg.Connection, vault: Vault, clients: Mapping[Flavour, GraphClient], one: Held, now: datetime
) -> Iterator[Finding]:
    if one.token_encrypted is None:
        return
    try:
        token = vault.unlock(one.token_encrypted, whose=one.label)
    except StorykeepError as error:
        yield Finding("token key", False, error.what, "data team", error.remedy)
        return
    client = clients.get(one.login_flavour)
    if client is None:
        setting = f"AIRFLOW_CONN_GRAPH_{one.login_flavour.upper()}"
        yield Finding("app", False, f"{setting} names no app", "data team", "set it as .env.example shows")
        return
    if resting := pools.standing(conn, pools.pools_of(one.ig_user_id, one.login_flavour), now).blocked:
        yield _resting(" and ".join(sorted(resting)))
        return
    try:
        for check in _checks(one.login_flavour):
            yield check(_Case(one, client, token))
    except ThrottledError as error:
        pool = pools.app_pool(one.login_flavour) if error.scope == "app" else one.ig_user_id
        pools.note(conn, {}, {pool: now + (error.wait or pools.REST)}, now)
        conn.commit()
        yield _resting(pool)
    except ReconnectError as error:
        reason = Reason(error.reason)
        yield _trouble("token", AFTER_REFUSAL[reason], reason)
    except RequestError as error:
        yield Finding("app", False, str(error), "data team", "check app id, app secret and API version")
    except GraphError as error:
        yield Finding("API", None, str(error), "data team", "run this again in a few minutes")


def _checks(flavour: Flavour) -> tuple[Callable[[_Case], Finding], ...]:
    of_flavour = (_token, _page) if flavour == "facebook" else (_professional,)
    return (*of_flavour, _stories)


def _token(case: _Case) -> Finding:
    """A facebook token: whether it lives, how long, and what it may."""
    facts = tokens.inspect(case.client, case.token)
    if not facts.is_valid:
        raise ReconnectError("debug_token says so", reason=facts.reason or "token_invalid")
    missing = missing_scopes("facebook", facts.scopes)
    if missing:
        state = State.NEEDS_ACTION if READ_SCOPE["facebook"] in missing else State.CONNECTED_NO_INSIGHTS
        return _trouble("permissions", state, Reason.MISSING_SCOPE, ", ".join(missing))
    ends = {"token": facts.expires_at, "data access": facts.data_access_expires_at}
    until = " and ".join(f"{what} until {at:%Y-%m-%d}" for what, at in ends.items() if at) or "without an end"
    return Finding("token", True, f"lives, {until}, with all permissions that it needs")


def _page(case: _Case) -> Finding:
    """The way from the person through a Page to the account, without which facebook shows nothing."""
    found = pages(case.client, case.token)
    linked = next((page for page in found if page.ig_user_id == case.one.ig_user_id), None)
    if linked is None:
        return _trouble("Facebook Page", State.NEEDS_ACTION, unlinked(found), named(found))
    if not ANALYZE & set(linked.tasks):
        return _trouble("Facebook Page", State.NEEDS_ACTION, Reason.INSUFFICIENT_PAGE_ROLE, named([linked]))
    return Finding("Facebook Page", True, f"linked to {named([linked])}, whose insights the person may see")


def unlinked(found: Sequence[Page], ticked: Collection[str] = ()) -> Reason:
    """Why no Page among those that a person shows leads to the account.

    `ticked` are the Instagram accounts that the person let the app see: without any Page, they hang on a profile.
    """
    if not found:
        return Reason.PROFILE_NOT_PAGE if ticked else Reason.NO_PAGE
    return Reason.WRONG_FACEBOOK_ACCOUNT if any(page.ig_user_id for page in found) else Reason.PAGE_NOT_LINKED


def named(found: Sequence[Page]) -> str:
    """The Pages by name and id, the first few of many."""
    shown = ", ".join(f"{page.name or 'a Page'} ({page.page_id})" for page in found[:5])
    return shown if len(found) <= 5 else f"{shown} and {len(found) - 5} more"


def _professional(case: _Case) -> Finding:
    """An Instagram token: whether it lives, and whether its account is this one, and a professional one."""
    profile = tokens.me(case.client, case.token)
    if profile.ig_user_id != case.one.ig_user_id:
        return _trouble("account", State.NEEDS_ACTION, Reason.WRONG_ACCOUNT, f"@{profile.username}")
    if profile.account_type not in (None, *PROFESSIONAL):
        return _trouble("account", State.NEEDS_ACTION, Reason.PERSONAL_ACCOUNT, str(profile.account_type))
    return Finding("account", True, f"the token lives and is that of @{profile.username}, a professional account")


def _stories(case: _Case) -> Finding:
    """What it is all for: the stories that are live, and the numbers of one of them."""
    one, client = case.one, case.client
    listed = client.get(endpoints.stories(one.ig_user_id, case.token, key="diagnosis"))
    if listed.error is not None:
        return _refused("stories", listed.error)
    stories = (listed.body or {}).get("data") or []
    if not stories:
        return Finding("stories", True, "can be listed; none is live")
    return Finding("stories", True, f"can be listed; {len(stories)} live")


def _refused(check: str, error: GraphError) -> Finding:
    """What an answer says of this account; any other error is raised."""
    if isinstance(error, GoneError):
        return _trouble(check, State.NEEDS_ACTION, Reason.ACCOUNT_GONE)
    if isinstance(error, PermissionMissingError):
        return _trouble(check, State.NEEDS_ACTION, Reason.MISSING_SCOPE, error.scope)
    raise error


def _resting(pool: str) -> Finding:
    return Finding("rate limit", None, f"{pool} rests, so nothing may be asked now", "data team", "wait; it passes")


def _trouble(check: str, state: State, reason: Reason | None, detail: str = "") -> Finding:
    what = condition(state, reason)
    told = f"{state} ({reason}{': ' + detail if detail else ''})" if reason else str(state)
    return Finding(check, False, told, what.owner, what.remedy)
