"""Which way a connection may go from each of its states: the table that histories are held against."""

from storykeep.accounts.states import State

# What an answer of the API may say of a connection with a token.
_VERDICTS = frozenset(
    {
        State.CONNECTED,
        State.CONNECTED_NO_INSIGHTS,
        State.EXPIRING,
        State.EXPIRED,
        State.DATA_ACCESS_ENDED,
        State.REVOKED,
        State.NEEDS_ACTION,
    }
)
_NOTHING: frozenset[State] = frozenset()

BY_ANSWER: dict[State, frozenset[State]] = {
    State.NOT_TRACKED: _NOTHING,
    State.INVITED: _NOTHING,
    State.CONNECTING: _NOTHING,
    State.CONNECTED: _VERDICTS - {State.CONNECTED},
    State.CONNECTED_NO_INSIGHTS: _VERDICTS - {State.CONNECTED_NO_INSIGHTS},
    State.EXPIRING: _VERDICTS,  # from one clock to the other
    State.DATA_ACCESS_ENDED: _VERDICTS - {State.DATA_ACCESS_ENDED},
    State.NEEDS_ACTION: _VERDICTS,  # from one reason to another
    State.EXPIRED: _NOTHING,
    State.REVOKED: _NOTHING,
    State.DISCONNECTED: _NOTHING,
    State.PURGED: _NOTHING,
}
"""Where an answer of the API may lead. Out of those that have ended it leads nowhere: only a new token does."""


def is_legal(before: State | None, kind: str, after: State) -> bool:
    """Whether an event of this kind may lead from one state to the other; None is before the first."""
    if kind == "connected":
        return before is None and after is State.CONNECTED
    if kind == "reconnected":
        return before is not None and after is State.CONNECTED
    if kind == "renewed":
        return before is not None and after is before
    if kind == "disconnected":
        return before not in (None, State.DISCONNECTED, State.PURGED) and after is State.DISCONNECTED
    return before is not None and after in BY_ANSWER[before]
