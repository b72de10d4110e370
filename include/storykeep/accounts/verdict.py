"""What an inspection says of a connection: pure rules, without database or network."""

from dataclasses import replace
from datetime import datetime, timedelta

from storykeep.accounts.connections import READ_SCOPE, Held, missing_scopes
from storykeep.accounts.states import TROUBLE, Reason, State
from storykeep.graph.tokens import TokenFacts
from storykeep.settings import Flavour

# From here on a connection is "expiring", and people are told.
WARN_BEFORE = timedelta(days=14)

TOKEN_LIFE = timedelta(days=60)
REFRESH_AGE = timedelta(hours=24)
"""Instagram refuses to refresh a younger token."""

INSPECT_EVERY = timedelta(minutes=55)
"""A little under the hour after which the watch comes again, lest it skip every other turn."""

# Instagram: one refresh every ten days or so, and then fifty days of hourly tries before the token would be lost.
# Facebook: an exchange makes a new token each time, so later; six days of hourly tries before anybody is alarmed.
RENEW_BEFORE: dict[Flavour, timedelta] = {"instagram": timedelta(days=50), "facebook": timedelta(days=20)}

UNSEEN = (Reason.PAGE_ROLE_LOST, Reason.ACCOUNT_GONE)
"""What capture is refused, and an inspection of the token never sees."""


def should_inspect(held: Held, now: datetime) -> bool:
    """Whether it is time to ask what the API says of a token.

    Sooner than usual when it is new and has yet to work, when it is to be renewed, and when there is trouble that may
    be over.
    """
    if held.inspected_at is None or held.previous_token_encrypted is not None or held.state in TROUBLE:
        return True
    is_recent = timedelta(0) <= now - held.inspected_at < INSPECT_EVERY
    return not is_recent or should_renew(held, now)


def learned(held: Held, facts: TokenFacts, now: datetime) -> Held:
    """The connection with what an inspection of its living token brought.

    Only facebook tells the clocks and scopes of a token; the other flavour's stay as they were. A token that answers
    after its recorded end shows that the record is wrong.
    """
    if held.login_flavour == "facebook":
        return replace(
            held,
            scopes=sorted(facts.scopes) or held.scopes,
            token_issued_at=facts.issued_at or held.token_issued_at,
            token_expires_at=facts.expires_at,
            data_access_expires_at=facts.data_access_expires_at,
        )
    is_wrong = held.token_expires_at is not None and held.token_expires_at <= now
    return replace(held, token_expires_at=None if is_wrong else held.token_expires_at)


def should_renew(held: Held, now: datetime) -> bool:
    """Whether the token is near enough to its end, and old enough, to be renewed.

    An Instagram token of unknown expiry is renewed too: its expiry is learned in no other way. A Facebook token
    without expiry never expires.
    """
    if held.token_expires_at is None:
        return held.login_flavour == "instagram" and _born(held) + REFRESH_AGE <= now
    is_near = held.token_expires_at - now < RENEW_BEFORE[held.login_flavour]
    return is_near and (held.login_flavour == "facebook" or _born(held) + REFRESH_AGE <= now)


def _born(held: Held) -> datetime:
    """When the token was issued: known, or reckoned from its end, or at the latest when the account connected."""
    if held.token_issued_at is None and held.token_expires_at is not None:
        return held.token_expires_at - TOKEN_LIFE
    return held.token_issued_at or held.connected_at


def judge(before: Held, after: Held, now: datetime) -> tuple[State, Reason | None]:
    """The state of a connection whose token has just answered; `before` is what was known until then."""
    if after.data_access_expires_at is not None and after.data_access_expires_at <= now:
        return State.DATA_ACCESS_ENDED, Reason.DATA_ACCESS_ENDED
    missing = missing_scopes(after.login_flavour, after.scopes)
    if READ_SCOPE[after.login_flavour] in missing:
        return State.NEEDS_ACTION, Reason.MISSING_SCOPE
    # It would let capture go on, which would meet the same refusal again.
    if missing and before.why not in UNSEEN:
        return State.CONNECTED_NO_INSIGHTS, Reason.MISSING_SCOPE
    if _still_refused(before, after):
        return before.state, before.why
    if _ends_soon(after.data_access_expires_at, now):
        return State.EXPIRING, Reason.DATA_ACCESS_ENDING
    if _ends_soon(after.token_expires_at, now):
        return State.EXPIRING, Reason.TOKEN_EXPIRING
    return State.CONNECTED, None


def _still_refused(before: Held, after: Held) -> bool:
    """Whether capture was refused something that an inspection does not see, so that a good inspection heals nothing.

    Otherwise inspection and capture would take turns, and each turn would alarm somebody. Insights come back once
    their permission is seen, since capture believes that; where scopes are never told, only a reconnect brings them.
    """
    if before.state is State.CONNECTED_NO_INSIGHTS:
        return after.scopes is None
    if before.why is Reason.MISSING_SCOPE:
        return not missing_scopes(before.login_flavour, before.scopes)
    return before.why in UNSEEN


def _ends_soon(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and expires_at - now <= WARN_BEFORE
