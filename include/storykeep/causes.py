"""The one list of causes for what could not be captured."""

from enum import StrEnum


class Cause(StrEnum):
    """Why something was not captured. The marts and the reports use the same words."""

    NOT_CONNECTED = "not_connected"
    TOKEN = "token"  # noqa: S105 (a cause code, not a secret)
    PERMISSION = "permission"
    THROTTLED = "throttled"
    API_UNREACHABLE = "api_unreachable"
    PLATFORM_INCIDENT = "platform_incident"
    OUR_OUTAGE = "our_outage"
    PAUSED = "paused"
    NOT_TRACKED = "not_tracked"
    MANUAL_BY_CHOICE = "manual_by_choice"
    # Of a single story: taken down, or older than its account's switch to a professional one.
    NOT_OFFERED = "not_offered"
