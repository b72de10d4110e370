"""Answers of the API as they rest in the spool: without tokens, and fit to become the same answers again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import SecretStr, TypeAdapter

from storykeep.capture.asks import AskKey, key_of
from storykeep.graph import errors
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import GraphError, Reason, Scope
from storykeep.graph.replies import decode
from storykeep.graph.usage import Usage
from storykeep.landing.payload import scrub_bytes

# Stands where the token was. It cannot be sent, and hiding it changes nothing.
NO_TOKEN = SecretStr("***")

_KINDS: dict[str, type[GraphError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, GraphError)
}


@dataclass(frozen=True)
class SpooledError:
    """An error by the name of its class; None is what it does not have. Message and bytes as `_text` writes them."""

    kind: str
    message: str
    code: int | None = None
    subcode: int | None = None
    status: int | None = None
    scope: Scope | str | None = None
    wait: timedelta | None = None
    reason: Reason | None = None
    raw: str | None = None
    sent: bool | None = None


@dataclass(frozen=True)
class SpooledAnswer:
    """An answer and its ask, without the token. `raw` is the reply's bytes as `_text` writes them."""

    key: AskKey
    path: str
    params: Mapping[str, str]
    pool: str
    cursors: tuple[str, ...]
    by_hand: bool
    raw: str
    api_version: str | None
    usage: Usage | None
    error: SpooledError | None


@dataclass(frozen=True)
class Record:
    """What one chunk of a tick brought at `at`: answers, or the accounts that were not listed as their pool rests.

    `clock_at` is when the tick began; `token_versions` tells by account which of its tokens was asked with;
    an older release did not.
    """

    run_id: str
    clock_at: datetime
    at: datetime
    answers: tuple[SpooledAnswer, ...]
    unlisted: tuple[str, ...]
    token_versions: Mapping[str, int] = field(default_factory=dict)


FORMAT = TypeAdapter(Record)


def spooled(answers: Iterable[Answer]) -> tuple[SpooledAnswer, ...]:
    """The answers as they may rest on a disk."""
    return tuple(_spooled(answer) for answer in answers)


def restored(one: SpooledAnswer) -> Answer:
    """The answer as it came, less the secrets that were in its bytes. Raises ValueError when it makes no sense."""
    raw = _bytes(one.raw)
    ask = Ask(one.key, NO_TOKEN, one.path, one.params, one.pool, one.cursors, one.by_hand)
    error = _restored_error(one.error) if one.error else None
    return Answer(ask, None if error else decode(raw), error, raw, one.api_version, one.usage)


def _spooled(answer: Answer) -> SpooledAnswer:
    ask = answer.ask
    secrets = [ask.token.get_secret_value()]
    return SpooledAnswer(
        key=key_of(ask),
        path=ask.path,
        params=dict(ask.params),
        pool=ask.pool,
        cursors=ask.cursors,
        by_hand=ask.by_hand,
        raw=_text(answer.raw, secrets),
        api_version=answer.api_version,
        usage=_printable(answer.usage) if answer.usage else None,
        error=_spooled_error(answer.error, secrets) if answer.error else None,
    )


def _printable(usage: Usage) -> Usage:
    """Meta names pools by numbers; what else may stand there need not fit into a file."""
    return replace(usage, pools={name: pool for name, pool in usage.pools.items() if name.isascii()})


def _spooled_error(error: GraphError, secrets: Iterable[str]) -> SpooledError:
    raw: bytes | None = getattr(error, "raw", None)
    return SpooledError(
        kind=type(error).__name__,
        message=_text(error.message.encode("utf-8", "surrogatepass"), secrets),
        code=error.code,
        subcode=error.subcode,
        status=error.status,
        scope=getattr(error, "scope", None),
        wait=getattr(error, "wait", None),
        reason=getattr(error, "reason", None),
        raw=None if raw is None else _text(raw, secrets),
        sent=getattr(error, "sent", None),
    )


def _restored_error(one: SpooledError) -> GraphError:
    if one.kind not in _KINDS:
        raise ValueError(f"{one.kind} is no error of the API")
    told = {name: value for name, value in vars(one).items() if name not in ("kind", "message") and value is not None}
    if one.raw is not None:
        told["raw"] = _bytes(one.raw)
    return _KINDS[one.kind](_bytes(one.message).decode("utf-8", "surrogatepass"), **told)


def _text(content: bytes, secrets: Iterable[str]) -> str:
    """Bytes, less their secrets, as latin-1 text: any bytes fit, and JSON stays readable."""
    return scrub_bytes(content, secrets).decode("latin-1")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")
