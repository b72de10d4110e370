"""The errors of the Graph API: code, subcode, HTTP status and words of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.world.accounts import Flavour

ENDS = {
    "revoked": (458, "The user has not authorized application."),
    "checkpointed": (459, "The user is enrolled in a blocking, logged-in checkpoint."),
    "password_changed": (
        460,
        "The session has been invalidated because the user changed their password or Facebook has changed the session "
        "for security reasons.",
    ),
    "unconfirmed": (464, "Sessions for the user are not allowed because the user is not a confirmed user."),
    "logged_out": (467, "This may be because the user logged out or may be due to a system error."),
    "page_role_lost": (492, "The user must be an administrator, editor, or moderator of the page."),
}
"""Subcode and words of code 190, by what made an end of the token."""


class ApiError(Exception):
    """An answer that is an error.

    Args:
        status: HTTP status.
        code: `error.code`.
        message: `error.message`.
        subcode: `error.error_subcode`.
        kind: `error.type`; parameter errors are IGApiException on the instagram host.
        transient: `error.is_transient`.
        title, text: `error.error_user_title` and `error.error_user_msg`.
        data: `error.error_data`.
        retry_minutes: for a throttled pool, the wait that the usage header gives.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        kind: str = "OAuthException",
        transient: bool | None = None,
        title: str | None = None,
        text: str | None = None,
        data: object | None = None,
        retry_minutes: int = 0,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.subcode = status, code, message, subcode
        self.kind, self.transient, self.title, self.text, self.data = kind, transient, title, text, data
        self.retry_minutes = retry_minutes

    def envelope(self, host: Flavour, trace: str) -> dict[str, Any]:
        """The JSON body; what has no value is left out."""
        kind = "IGApiException" if host == "instagram" and self.code in (100, 2500) else self.kind
        parts = {
            "message": self.message,
            "type": kind,
            "is_transient": self.transient,
            "code": self.code,
            "error_subcode": self.subcode,
            "error_data": self.data,
            "error_user_title": self.title,
            "error_user_msg": self.text,
            "fbtrace_id": trace,
        }
        return {"error": {name: value for name, value in parts.items() if value is not None}}

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header."""
        kind = "invalid_token" if self.code == 190 else "invalid_request"
        words = re.sub(r"[^ -~]", "?", self.message).replace('"', "'")
        return f'OAuth "Facebook Platform" "{kind}" "{words}"'


class SignInError(ApiError):
    """An error of api.instagram.com, which has a shape of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(400, 400, message)

    def envelope(self, host: Flavour, trace: str) -> dict[str, Any]:
        """The JSON body."""
        return {"error_type": self.kind, "code": self.code, "error_message": self.message}


def no_token() -> ApiError:
    """A call without a token."""
    return ApiError(400, 104, "An access token is required to request this resource.")


def no_active_token() -> ApiError:
    """`me` without a token."""
    return ApiError(400, 2500, "An active access token must be used to query information about the current user.")


def no_proof() -> ApiError:
    """A call without the proof that the app requires."""
    words = "API calls from the server require an appsecret_proof argument"
    return ApiError(400, 100, words, kind="GraphMethodException")


def token_malformed(host: Flavour) -> ApiError:
    """A token that this host never gave out."""
    words = "Invalid OAuth access token - Cannot parse access token"
    words = words if host == "facebook" else "Invalid OAuth 2.0 Access Token"
    return ApiError(switches.BAD_TOKEN_STATUS, 190, words)


def refreshed_too_early() -> ApiError:
    """An Instagram token that is not a day old."""
    status, code = switches.REFRESH_TOO_EARLY_STATUS, switches.REFRESH_TOO_EARLY_CODE
    return ApiError(status, code, "Invalid parameter", text="The access token must be at least 24 hours old.")


def token_expired(at: datetime, now: datetime) -> ApiError:
    """A token past its date."""
    moment = "%A, %d-%b-%y %H:%M:%S UTC"
    return ApiError(
        switches.BAD_TOKEN_STATUS,
        190,
        f"Error validating access token: Session has expired on {at:{moment}}. The current time is {now:{moment}}.",
        subcode=463,
    )


def token_ended(event: str) -> ApiError:
    """A token that something made an end of before its date."""
    subcode, words = ENDS[event]
    return ApiError(switches.BAD_TOKEN_STATUS, 190, f"Error validating access token: {words}", subcode=subcode)


def data_access_over() -> ApiError:
    """Instagram data more than 90 days after the person's last consent."""
    if switches.AFTER_DATA_ACCESS == "permission":
        return no_permission()
    words = "Error validating access token: The access to the user's data has expired."
    return ApiError(switches.BAD_TOKEN_STATUS, 190, words)


def no_permission() -> ApiError:
    """A permission that was not granted."""
    return ApiError(switches.NO_PERMISSION_STATUS, 10, "(#10) Application does not have permission for this action")


def needs_page_token() -> ApiError:
    """A call about a Page with the token of a person."""
    return ApiError(403, 210, "(#210) A page access token is required to request this resource.")


def not_enough_viewers() -> ApiError:
    """Insights that are withheld."""
    words = "(#10) Not enough viewers for the media to show insights"
    return ApiError(switches.NOT_ENOUGH_VIEWERS_STATUS, 10, words)


def no_such_object(object_id: str) -> ApiError:
    """An object that is not there, or not for this token."""
    words = (
        f"Unsupported get request. Object with ID '{object_id}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api"
    )
    if switches.NO_SUCH_OBJECT_WORDS == "message":
        return ApiError(400, 100, words, subcode=33, kind="GraphMethodException")
    return ApiError(400, 100, "Invalid parameter", subcode=33, kind="GraphMethodException", text=words)


def no_such_user(handle: str) -> ApiError:
    """A handle that no professional account has."""
    words = f"The user with username: {handle} cannot be found."
    return ApiError(400, 110, "Invalid user id", subcode=2207013, title="Cannot find User", text=words)


def media_not_found() -> ApiError:
    """An expired story, in the words of the publishing API."""
    return ApiError(400, 24, "The requested resource does not exist", subcode=2207006, title="Media Not Found")


def unknown_path(path: str) -> ApiError:
    """A route that does not exist."""
    return ApiError(404, 2500, f"Unknown path components: /{path}")


def unsupported_method(method: str) -> ApiError:
    """A method that the route does not have."""
    return ApiError(400, 100, f"Unsupported {method.lower()} request", kind="GraphMethodException")


def bad_parameter(message: str) -> ApiError:
    """A parameter that is missing or wrong."""
    return ApiError(400, 100, f"(#100) {message}" if not message.startswith("Invalid") else message)


def unknown_field(field: str, node: str) -> ApiError:
    """A field that the node does not have."""
    return bad_parameter(f"Tried accessing nonexisting field ({field}) on node type ({node})")


def unknown_metric(place: int, known: Sequence[str]) -> ApiError:
    """A metric that nothing has."""
    return bad_parameter(f"metric[{place}] must be one of the following values: {', '.join(known)}")


def unsupported_metric(metric: str) -> ApiError:
    """A metric of other media."""
    return bad_parameter(f"The Media Insights API does not support the {metric} metric for this media product type.")


def removed_metric(metric: str) -> ApiError:
    """A metric that is no more."""
    words = f"Starting from version v22.0 and above, the {metric} metric is no longer supported for the queried media."
    return bad_parameter(words)


def not_shared_to_facebook() -> ApiError:
    """facebook_views of a story that is on Instagram only."""
    code, words = switches.NOT_SHARED_CODE, switches.NOT_SHARED_MESSAGE
    return ApiError(400, code, words, subcode=2207086, transient=False)


def no_total_views() -> ApiError:
    """total_views of what is no video."""
    return ApiError(400, 200, "(#200) The metric total_views is not available for this media")


def media_before_conversion() -> ApiError:
    """Insights of media that is older than the professional account."""
    return ApiError(
        400,
        100,
        "Invalid parameter",
        subcode=2108006,
        transient=False,
        title="Media posted before business account conversion",
        text="The media was posted before the most recent time that the user's account was converted to a business "
        "account from a personal account.",
        data={"blame_field_specs": [[""]]},
    )


def mixed_breakdown() -> ApiError:
    """A breakdown asked of a metric that has none."""
    return ApiError(switches.MIXED_BREAKDOWN_STATUS, 1, "An unknown error has occurred.")


def throttled(minutes: int) -> ApiError:
    """The Instagram limit of one account."""
    return ApiError(
        400,
        80002,
        "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again. For more info, "
        "please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting.",
        retry_minutes=minutes,
    )


def app_throttled() -> ApiError:
    """The limit of the whole app; nothing says for how long."""
    return ApiError(403, 4, "(#4) Application request limit reached", transient=True)


def service_unavailable() -> ApiError:
    """A passing failure of the platform."""
    return ApiError(
        500,
        2,
        "An unexpected error has occurred. Please retry your request later.",
        transient=True,
    )


def unknown_alias(object_id: str) -> ApiError:
    """An id of a multi-read that is not there, or not for this token."""
    return ApiError(404, 803, f"(#803) Some of the aliases you requested do not exist: {object_id}")


def dependency_failed() -> ApiError:
    """A batch item whose predecessor failed."""
    words = "Request aborted. This could happen if a dependent request failed or the entire request timed out."
    return ApiError(400, 1, words, kind="FacebookApiException")
