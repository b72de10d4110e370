"""Reads the insights of stories, group by group, and lands each reply with its status."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storykeep.capture import clocks, incidents, notices, refusals, replies
from storykeep.capture.asks import AskKey, group_of, key_of
from storykeep.capture.causes import IncidentError
from storykeep.capture.incidents import Watch
from storykeep.capture.planner import StoryClock
from storykeep.capture.replies import BEFORE_CONVERSION, LANDING, Told
from storykeep.capture.tick import Tick
from storykeep.graph import drift, endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    ThrottledError,
    UnreadableError,
    WithheldError,
)
from storykeep.graph.metrics import MetricGroup
from storykeep.landing.loader import land
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import Row, StoryInsight


@dataclass
class _Chunk:
    """What one chunk of answers brought: rows, and story ids by what became of them.

    One time for the whole chunk makes the groups of a story one reading. `disbelieved` are the asks whose answers are
    part of an incident.
    """

    captured_at: datetime
    disbelieved: frozenset[AskKey]
    rows: list[Row] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    again: list[list[Ask]] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)

    @property
    def answered(self) -> set[str]:
        """The stories whose clock moves."""
        return self.tried - self.unanswered

    @property
    def believed(self) -> list[Answer]:
        """The refusals to be remembered: all of a story refused at once say something of the API, not of this story."""
        return [refusal for refusal in self.refusals if key_of(refusal.ask).story_id in self.read]


def read_stories(
    tick: Tick,
    stories: Iterable[StoryClock],
    between: Callable[[], None] | None = None,
    *,
    are_sweeps: bool = False,
) -> None:
    """Read every metric group of `stories`, in their order. Each chunk is committed before the next is sent.

    `between` is called after each chunk. Sweeps may use what is reserved of a pool. A metric that the API refuses never
    costs the others: the core group is then asked again metric by metric, and what was refused is remembered.
    """
    readable = [story for story in stories if tick.connections[story.account_id].can_read_insights]
    refused = tick.refused([story.story_id for story in readable])
    # A story's asks stay together, so that its clock moves with all of its rows.
    asks = [_asks(tick, story, refused.get(story.story_id, set())) for story in readable]
    watch, again = Watch(), deque[Sequence[Ask]]()
    for answers in tick.answers(asks, again, are_sweeps=are_sweeps):
        again.extend(land_readings(tick, answers, watch))
        if between:
            between()


def _asks(tick: Tick, story: StoryClock, refused: set[str]) -> list[Ask]:
    flavour = tick.connections[story.account_id].login_flavour
    return [_ask(tick, story.account_id, story.story_id, group) for group in refusals.groups(flavour, refused)]


def _ask(tick: Tick, account_id: str, story_id: str, group: MetricGroup) -> Ask:
    connection = tick.connections[account_id]
    key = AskKey(account_id, story_id, group.name)
    return endpoints.insights(story_id, connection.token, group, pool=connection.ig_user_id, key=key)


def land_readings(tick: Tick, answers: Sequence[Answer], watch: Watch) -> list[list[Ask]]:
    """Land one chunk of answers with its clocks; returns the asks that take the core group apart."""

    def gather() -> _Chunk:
        # Optional metrics may well be empty.
        required = [answer for answer in answers if not refusals.is_optional(key_of(answer.ask).group)]
        chunk = _Chunk(tick.clock(), tick.disbelieved(required, watch, incidents.of_readings))
        for answer in answers:
            _take(tick, answer, chunk)
        return chunk

    chunk = tick.land(answers, gather, lambda chunk: _commit(tick, answers, chunk))
    tick.memory.answered(chunk.answered, chunk.refused, refusals.by_story(chunk.believed), chunk.captured_at)
    for refusal in chunk.believed:
        tick.metrics.refused(refusal)
    tick.run.counts["readings"] += len(chunk.read & chunk.answered)
    return chunk.again


def _commit(tick: Tick, answers: Sequence[Answer], chunk: _Chunk) -> None:
    tick.run.counts["rows"] += sum(land(tick.conn, chunk.rows).values())
    clocks.answered(tick.conn, chunk.answered, chunk.read, chunk.refused, chunk.captured_at)
    refusals.keep(tick.conn, chunk.believed, chunk.captured_at)
    tick.keep_pools(answers)
    notices.keep(tick, {what: answer for answer in answers for what in drift.of_insights(answer.body)})


def _take(tick: Tick, answer: Answer, chunk: _Chunk) -> None:
    key, error = key_of(answer.ask), answer.error
    chunk.tried.add(key.story_id)
    if error is None:
        error = _take_body(tick, answer, chunk)
    elif isinstance(error, LANDING):
        _take_refusal(tick, answer, error, chunk)
    else:
        chunk.rows += tick.unreadable(answer, "insights")
    if key in chunk.disbelieved:
        error = IncidentError.of(answer.error)
    if error is None or isinstance(error, WithheldError | RefusedError | GoneError):
        return
    if not refusals.is_optional(key.group):
        chunk.unanswered.add(key.story_id)
        tick.settle(answer.ask, error)
    elif isinstance(error, ThrottledError | ReconnectError):
        tick.settle(answer.ask, error)
    elif not isinstance(error, PermissionMissingError):
        tick.run.counts["optional_failed"] += 1  # the next reading asks again


def _take_body(tick: Tick, answer: Answer, chunk: _Chunk) -> GraphError | None:
    """Land a good reply; a body that cannot land goes to the dead letters and counts as an error."""
    try:
        told = replies.numbers(answer.raw)
    except UnlandableError as reason:
        chunk.rows.append(tick.dead_letter(answer.ask, "insights", str(reason), answer.raw))
        return UnreadableError(str(reason), raw=answer.raw)
    chunk.rows.append(_row(tick, answer, chunk.captured_at, told))
    tick.metrics.granted(answer)
    key = key_of(answer.ask)
    if told.status == "ok" and not refusals.is_optional(key.group):
        chunk.read.add(key.story_id)
    return None


def _take_refusal(tick: Tick, answer: Answer, error: GraphError, chunk: _Chunk) -> None:
    key, is_optional = key_of(answer.ask), refusals.is_optional(key_of(answer.ask).group)
    chunk.rows.append(_row(tick, answer, chunk.captured_at, replies.refusal(answer, error)))
    if isinstance(error, WithheldError) and not is_optional:
        chunk.read.add(key.story_id)
    # An optional metric is refused in the words of a missing permission too (code 200).
    if not isinstance(error, (RefusedError, PermissionMissingError) if is_optional else RefusedError):
        return
    if not is_optional:
        tick.run.counts["refused"] += 1
    if error.subcode == BEFORE_CONVERSION:
        chunk.refused.add(key.story_id)
        return
    group = group_of(answer.ask)
    if len(group.metrics) > 1:
        chunk.unanswered.add(key.story_id)  # its clock waits for the metrics one by one
        chunk.again.append([_ask(tick, key.account_id, key.story_id, single) for single in group.singles()])
    else:
        chunk.refusals.append(answer)


def _row(tick: Tick, answer: Answer, captured_at: datetime, told: Told) -> StoryInsight:
    key = key_of(answer.ask)
    return StoryInsight(
        story_id=key.story_id,
        account_id=key.account_id,
        metric_group=key.group,
        captured_at=captured_at,
        run_id=tick.run.run_id,
        api_version=answer.api_version,
        **vars(told),
    )
