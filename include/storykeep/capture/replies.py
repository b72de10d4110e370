"""What a reply to a question for numbers came to, whether it is about a story, a post or an account."""

from dataclasses import dataclass
from typing import Any

from storykeep.graph.client import Answer
from storykeep.graph.errors import GoneError, GraphError, PermissionMissingError, RefusedError, WithheldError
from storykeep.landing import payload
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import Json, ReplyStatus

# The API gives no insights of media that is older than the account's switch to a professional one.
BEFORE_CONVERSION = 2108006
# The replies that are an answer of the API about this media or account, and so land, although they carry an error.
LANDING = (WithheldError, RefusedError, GoneError, PermissionMissingError)


@dataclass(frozen=True)
class Told:
    """The columns that tell a reply: its status, what came, and of an error its codes."""

    status: ReplyStatus
    payload: Json
    content_hash: str
    error_code: int | None = None
    error_subcode: int | None = None


def numbers(raw: bytes) -> Told:
    """A reply without an error. Raises UnlandableError when it holds no list of metrics, or cannot land."""
    body = payload.decode(raw)
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise UnlandableError("the reply has no list 'data'")
    if fault := payload.fault(body):
        raise UnlandableError(fault)
    return _told("ok" if body["data"] else "empty", body)


def refusal(answer: Answer, error: GraphError) -> Told:
    """A reply with one of the errors that land."""
    return _told("withheld" if isinstance(error, WithheldError) else "refused", _error_body(answer.raw), error)


def _told(status: ReplyStatus, body: dict[str, Any], error: GraphError | None = None) -> Told:
    content = payload.scrub(body)
    return Told(
        status,
        content,
        payload.content_hash(content),
        error.code if error else None,
        error.subcode if error else None,
    )


def _error_body(raw: bytes) -> dict[str, Any]:
    try:
        body = payload.decode(raw)
    except UnlandableError:
        return {}
    return body if isinstance(body, dict) and not payload.fault(body) else {}
