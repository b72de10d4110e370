"""The states of a connection, their reasons, and who does what about each.

The words are shown by alerts and by BI: dbt/seeds/connection_states.csv carries the same rows, and a test
holds the two together.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Owner = Literal["creator", "brand contact", "data team"]


class State(StrEnum):
    """Where an account stands on its way from invitation to goodbye."""

    NOT_TRACKED = "not_tracked"
    INVITED = "invited"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CONNECTED_NO_INSIGHTS = "connected_no_insights"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    DATA_ACCESS_ENDED = "data_access_ended"
    REVOKED = "revoked"
    NEEDS_ACTION = "needs_action"
    DISCONNECTED = "disconnected"
    PURGED = "purged"


class Reason(StrEnum):
    """Why a connection is in its state."""

    TOKEN_EXPIRING = "token_expiring"  # noqa: S105  a reason, not a token
    DATA_ACCESS_ENDING = "data_access_ending"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105  a reason, not a token
    DATA_ACCESS_ENDED = "data_access_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a reason, not a password
    APP_REMOVED = "app_removed"
    LOGGED_OUT = "logged_out"
    TOKEN_INVALID = "token_invalid"  # noqa: S105  a reason, not a token
    CHECKPOINTED = "checkpointed"
    UNCONFIRMED_USER = "unconfirmed_user"
    PAGE_ROLE_LOST = "page_role_lost"
    ACCOUNT_GONE = "account_gone"
    MISSING_SCOPE = "missing_scope"
    NO_PAGE = "no_page"
    PAGE_NOT_LINKED = "page_not_linked"
    WRONG_FACEBOOK_ACCOUNT = "wrong_facebook_account"
    INSUFFICIENT_PAGE_ROLE = "insufficient_page_role"
    PERSONAL_ACCOUNT = "personal_account"
    WRONG_ACCOUNT = "wrong_account"
    PROFILE_NOT_PAGE = "profile_not_page"
    PAGE_UNCONFIRMED = "page_unconfirmed"
    ACCESS_DENIED = "access_denied"
    FLOW_ABANDONED = "flow_abandoned"
    CODE_REFUSED = "code_refused"
    SIGN_IN_FAILED = "sign_in_failed"


@dataclass(frozen=True)
class Condition:
    """A state with its reason, who owns the matter and what that person does."""

    state: State
    reason: Reason | None
    owner: Owner
    remedy: str


CONNECT = "connect the account again"

CONDITIONS: tuple[Condition, ...] = (
    Condition(State.NOT_TRACKED, None, "brand contact", "ask the creator to connect the account"),
    Condition(State.INVITED, None, "brand contact", "remind the creator of the invitation"),
    Condition(State.CONNECTING, None, "creator", "finish connecting the account"),
    Condition(State.CONNECTED, None, "data team", "nothing to do"),
    Condition(
        State.CONNECTED_NO_INSIGHTS,
        Reason.MISSING_SCOPE,
        "creator",
        f"{CONNECT} and leave access to insights switched on",
    ),
    Condition(State.EXPIRING, Reason.TOKEN_EXPIRING, "creator", f"{CONNECT} before the last day"),
    Condition(State.EXPIRING, Reason.DATA_ACCESS_ENDING, "creator", f"{CONNECT} before the last day"),
    Condition(State.EXPIRED, Reason.TOKEN_EXPIRED, "creator", CONNECT),
    Condition(State.DATA_ACCESS_ENDED, Reason.DATA_ACCESS_ENDED, "creator", CONNECT),
    Condition(State.REVOKED, Reason.PASSWORD_CHANGED, "creator", CONNECT),
    Condition(
        State.REVOKED,
        Reason.APP_REMOVED,
        "brand contact",
        f"ask the creator whether the app was removed on purpose and, if not, to {CONNECT}",
    ),
    Condition(State.REVOKED, Reason.LOGGED_OUT, "creator", CONNECT),
    Condition(
        State.REVOKED,
        Reason.TOKEN_INVALID,
        "data team",
        "import the token again; if it is refused again, ask the creator for a new one",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.CHECKPOINTED,
        "creator",
        "log in at Facebook or Instagram and pass the security check",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.UNCONFIRMED_USER,
        "creator",
        "log in at Facebook or Instagram and confirm the user account",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.PAGE_ROLE_LOST,
        "creator",
        f"get the role on the linked Facebook Page back, then {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.ACCOUNT_GONE,
        "brand contact",
        f"ask the creator whether the account is still there and a professional one, and then to {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.MISSING_SCOPE,
        "creator",
        f"{CONNECT} and leave access to profile, media and Pages switched on",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.NO_PAGE,
        "creator",
        f"link the account to a Facebook Page of their own, then {CONNECT} and tick that Page",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.PAGE_NOT_LINKED,
        "creator",
        f"link the account to one of these Pages, or {CONNECT} and tick the Page that it is linked to",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.WRONG_FACEBOOK_ACCOUNT,
        "creator",
        f"log in at Facebook as the person whose Page the account is linked to, then {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.INSUFFICIENT_PAGE_ROLE,
        "creator",
        f"get a role on the linked Facebook Page that may see its insights, then {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.PERSONAL_ACCOUNT,
        "creator",
        f"switch to a professional account in the settings of Instagram, then {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.WRONG_ACCOUNT,
        "data team",
        "let the person whose account it is connect it, or import it with a token of its own",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.PROFILE_NOT_PAGE,
        "creator",
        f"link the account to a Facebook Page of their own instead of a profile, then {CONNECT} and tick that Page",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.PAGE_UNCONFIRMED,
        "creator",
        f"open the linked accounts in the settings of the Page, confirm what it asks to review, then {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.ACCESS_DENIED,
        "brand contact",
        f"ask the creator whether the refusal was meant and, if not, to {CONNECT}",
    ),
    Condition(
        State.NEEDS_ACTION,
        Reason.FLOW_ABANDONED,
        "creator",
        f"{CONNECT} and go on to the last step, where Facebook or Instagram leads back",
    ),
    Condition(State.NEEDS_ACTION, Reason.CODE_REFUSED, "creator", f"{CONNECT}, at one go and without going back"),
    Condition(
        State.NEEDS_ACTION,
        Reason.SIGN_IN_FAILED,
        "data team",
        f"look at what the API answered and mend it, then ask the creator to {CONNECT}",
    ),
    Condition(State.DISCONNECTED, None, "brand contact", "ask the creator to connect again if tracking is wanted"),
    Condition(State.PURGED, None, "data team", "nothing to do: everything kept of the account was deleted"),
)

# What stories are read of; without insights only the listing is.
CAPTURED = frozenset({State.CONNECTED, State.EXPIRING, State.CONNECTED_NO_INSIGHTS})
# What a person must be told of.
TROUBLE = frozenset(
    {State.CONNECTED_NO_INSIGHTS, State.EXPIRED, State.DATA_ACCESS_ENDED, State.REVOKED, State.NEEDS_ACTION}
)
# Only a new token leads out of these, so that the old one is not tried again.
FINAL = frozenset({State.EXPIRED, State.REVOKED, State.DISCONNECTED, State.PURGED})
# Somebody's will, which no answer of the API undoes.
GOODBYE = frozenset({State.DISCONNECTED, State.PURGED})

# The state that each refusal of a token leads to.
AFTER_REFUSAL: dict[Reason, State] = {
    Reason.TOKEN_EXPIRED: State.EXPIRED,
    Reason.PASSWORD_CHANGED: State.REVOKED,
    Reason.APP_REMOVED: State.REVOKED,
    Reason.LOGGED_OUT: State.REVOKED,
    Reason.TOKEN_INVALID: State.REVOKED,
    Reason.CHECKPOINTED: State.NEEDS_ACTION,
    Reason.UNCONFIRMED_USER: State.NEEDS_ACTION,
    Reason.PAGE_ROLE_LOST: State.NEEDS_ACTION,
}

_CONDITIONS = {(condition.state, condition.reason): condition for condition in CONDITIONS}


def condition(state: State, reason: Reason | None) -> Condition:
    """Who does what about a connection in `state` for `reason`."""
    return _CONDITIONS[state, reason]
