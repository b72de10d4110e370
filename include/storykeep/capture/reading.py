"""Reads the insights of stories, group by group, and lands each reply with its status."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storykeep.capture import clocks
from storykeep.capture.planner import StoryClock
from storykeep.capture.tick import AskKey, Tick, key_of
from storykeep.graph import endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    RefusedError,
    UnreadableError,
    WithheldError,
)
from storykeep.graph.metrics import STORY_GROUPS, MetricGroup
from storykeep.landing import payload
from storykeep.landing.loader import land
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import Row, StoryInsight

# The API gives no insights of media that is older than the account's switch to a professional one.
BEFORE_CONVERSION = 2108006
# The replies that are an answer of the API about this media, and so land, although they carry an error.
_LANDING = (WithheldError, RefusedError, GoneError, PermissionMissingError)


@dataclass
class _Chunk:
    """What one chunk of answers brought: rows, and story ids by what became of them.

    One time for the whole chunk makes the groups of a story one reading.
    """

    captured_at: datetime
    rows: list[Row] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    again: list[list[Ask]] = field(default_factory=list)
    refusals: list[tuple[str, str, RefusedError]] = field(default_factory=list)


def read_stories(tick: Tick, stories: Iterable[StoryClock]) -> None:
    """Read every metric group of `stories`, in their order. Each chunk is committed before the next is sent.

    A metric that the API refuses never costs the others: the core group is then asked again metric by metric, and
    what was refused is remembered.
    """
    readable = [story for story in stories if tick.connections[story.account_id].can_read_insights]
    refused = clocks.refused_metrics(tick.conn, [story.story_id for story in readable])
    # A story's asks stay together, so that its clock moves with all of its rows.
    asks = [
        [_ask(tick, story.account_id, story.story_id, group) for group in _groups(refused.get(story.story_id, set()))]
        for story in readable
    ]
    while asks:
        following: list[list[Ask]] = []
        for answers in tick.answers(asks):
            following += _land(tick, answers)
        asks = following


def _groups(refused: set[str]) -> Sequence[MetricGroup]:
    return [rest for group in STORY_GROUPS if (rest := group.without(refused)) is not None]


def _ask(tick: Tick, account_id: str, story_id: str, group: MetricGroup) -> Ask:
    connection = tick.connections[account_id]
    key = AskKey(account_id, story_id, group.name)
    return endpoints.insights(story_id, connection.token, group, pool=connection.ig_user_id, key=key)


def _land(tick: Tick, answers: list[Answer]) -> list[list[Ask]]:
    """Land one chunk of answers with its clocks; returns the asks that take the core group apart."""
    with tick.conn.transaction():
        chunk = _Chunk(tick.clock())
        for answer in answers:
            _take(tick, answer, chunk)
        tick.run.counts["rows"] += sum(land(tick.conn, chunk.rows).values())
        answered = chunk.tried - chunk.unanswered
        clocks.answered(tick.conn, answered, chunk.read, chunk.refused, chunk.captured_at)
        for story_id, metric, error in chunk.refusals:
            # All of them refused at once say something of the API, not of this media.
            if story_id in chunk.read:
                clocks.refuse_metric(tick.conn, story_id, metric, error.code, error.subcode, chunk.captured_at)
    tick.run.counts["readings"] += len(chunk.read & answered)
    return chunk.again


def _take(tick: Tick, answer: Answer, chunk: _Chunk) -> None:
    key = key_of(answer.ask)
    chunk.tried.add(key.story_id)
    error = answer.error
    if error is None:
        error = _take_body(tick, answer, chunk)
    elif isinstance(error, _LANDING):
        _take_refusal(tick, answer, error, chunk)
    else:
        chunk.rows += tick.unreadable(answer, "insights")
    if error is None or isinstance(error, WithheldError | RefusedError | GoneError):
        return
    chunk.unanswered.add(key.story_id)
    tick.settle(answer.ask, error)


def _take_body(tick: Tick, answer: Answer, chunk: _Chunk) -> GraphError | None:
    """Land a good reply; a body that cannot land goes to the dead letters and counts as an error."""
    try:
        body = payload.decode(answer.raw)
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            raise UnlandableError("the reply has no list 'data'")
        if fault := payload.fault(body):
            raise UnlandableError(fault)
    except UnlandableError as reason:
        chunk.rows.append(tick.dead_letter(answer.ask, "insights", str(reason), answer.raw))
        return UnreadableError(str(reason), raw=answer.raw)
    chunk.rows.append(_row(tick, answer, chunk.captured_at, "ok" if body["data"] else "empty", body))
    if body["data"]:
        chunk.read.add(key_of(answer.ask).story_id)
    return None


def _take_refusal(tick: Tick, answer: Answer, error: GraphError, chunk: _Chunk) -> None:
    key = key_of(answer.ask)
    status = "withheld" if isinstance(error, WithheldError) else "refused"
    chunk.rows.append(_row(tick, answer, chunk.captured_at, status, _error_body(answer.raw), error))
    if isinstance(error, WithheldError):
        chunk.read.add(key.story_id)
    if not isinstance(error, RefusedError):
        return
    tick.run.counts["refused"] += 1
    if error.subcode == BEFORE_CONVERSION:
        chunk.refused.add(key.story_id)
        return
    group = MetricGroup(key.group, tuple(answer.ask.params["metric"].split(",")), answer.ask.params.get("breakdown"))
    if len(group.metrics) > 1:
        chunk.unanswered.add(key.story_id)  # its clock waits for the metrics one by one
        chunk.again.append([_ask(tick, key.account_id, key.story_id, single) for single in group.singles()])
    elif group.breakdown is None:
        chunk.refusals.append((key.story_id, group.metrics[0], error))


def _row(
    tick: Tick,
    answer: Answer,
    captured_at: datetime,
    status: Any,
    body: dict[str, Any],
    error: GraphError | None = None,
) -> StoryInsight:
    key = key_of(answer.ask)
    content = payload.scrub(body)
    return StoryInsight(
        story_id=key.story_id,
        account_id=key.account_id,
        metric_group=key.group,
        captured_at=captured_at,
        run_id=tick.run.run_id,
        api_version=answer.api_version,
        status=status,
        payload=content,
        content_hash=payload.content_hash(content),
        error_code=error.code if error else None,
        error_subcode=error.subcode if error else None,
    )


def _error_body(raw: bytes) -> dict[str, Any]:
    try:
        body = payload.decode(raw)
    except UnlandableError:
        return {}
    return body if isinstance(body, dict) and not payload.fault(body) else {}
