"""Which API error counts under which cause."""

from storykeep.causes import Cause
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreadableError,
    WithheldError,
)


class IncidentError(GraphError):
    """An answer that is not believed, since the API gave its like for many accounts at once."""

    @classmethod
    def of(cls, error: GraphError | None) -> "IncidentError":
        """The incident that this error is part of, or, without one, an empty list."""
        if error is None:
            return cls("said of many accounts at once: nothing is there")
        return cls(
            f"said of many accounts at once: {error}", code=error.code, subcode=error.subcode, status=error.status
        )


# What the creator has to mend; the token watch tells of it, so it does not fail a capture run.
CREATORS_MATTER = frozenset({Cause.TOKEN, Cause.PERMISSION})

_CAUSES: dict[type[GraphError], Cause] = {
    ReconnectError: Cause.TOKEN,
    PermissionMissingError: Cause.PERMISSION,
    GoneError: Cause.PERMISSION,
    IncidentError: Cause.PLATFORM_INCIDENT,
    ThrottledError: Cause.THROTTLED,
    TransientError: Cause.API_UNREACHABLE,
    UnreadableError: Cause.API_UNREACHABLE,
    RequestError: Cause.OUR_OUTAGE,
    RefusedError: Cause.OUR_OUTAGE,
    WithheldError: Cause.OUR_OUTAGE,
}


def cause_of(error: GraphError) -> Cause:
    """The cause code under which this error counts."""
    return next(_CAUSES[kind] for kind in type(error).__mro__ if kind in _CAUSES)
