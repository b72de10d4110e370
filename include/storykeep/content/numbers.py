"""Reads numbers group by group, of posts and of accounts, and lands each reply with its status."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from storykeep.capture import notices, replies
from storykeep.capture.replies import BEFORE_CONVERSION, LANDING, Told
from storykeep.content.run import ContentKey, ContentRun, content_key
from storykeep.graph import drift
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
from storykeep.landing.loader import land
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import Row


@dataclass
class Chunk:
    """What one chunk of answers brought: rows, and units by what became of them.

    One time for the whole chunk makes the groups of a unit one reading. `granted` are the good replies, `refusals`
    those that refuse a single metric, `barred` the posts that have no insights at all.
    """

    at: datetime
    rows: list[Row] = field(default_factory=list)
    tried: set[ContentKey] = field(default_factory=set)
    unanswered: set[ContentKey] = field(default_factory=set)
    read: set[ContentKey] = field(default_factory=set)
    barred: set[ContentKey] = field(default_factory=set)
    again: list[list[Ask]] = field(default_factory=list)
    granted: list[Answer] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)

    @property
    def answered(self) -> set[ContentKey]:
        """The units whose clock moves."""
        return self.tried - self.unanswered


@dataclass(frozen=True)
class Reader:
    """How the replies about one subject land: as which row, and which clocks `move` with a chunk.

    `required` are the groups without which a unit is not answered; None for all. The others may fail, for reasons of
    their own, and are asked for with the next reading.
    """

    endpoint: str
    row: Callable[[ContentRun, Answer, datetime, Told], Row]
    move: Callable[[ContentRun, Chunk], None]
    required: Collection[str] | None = None

    def needs(self, key: ContentKey) -> bool:
        """Whether a unit is answered by this group, or by the metric (`core:reach`) that was taken from it."""
        return self.required is None or key.group.partition(":")[0] in self.required


def read(run: ContentRun, groups: Iterable[Sequence[Ask]], reader: Reader) -> None:
    """Ask for the units, each given as the asks of its groups. Each chunk is committed before the next is sent.

    A metric that the API refuses never costs the others: its group is asked again metric by metric.
    """
    again, failed = deque[Sequence[Ask]](), set[ContentKey]()
    for answers in run.answers(groups, again):
        chunk = _land(run, answers, reader, failed)
        failed |= chunk.unanswered - {content_key(asks[0]).unit for asks in chunk.again}
        again.extend(chunk.again)


def _land(run: ContentRun, answers: Sequence[Answer], reader: Reader, failed: set[ContentKey]) -> Chunk:
    def gather() -> Chunk:
        chunk = Chunk(run.clock())
        for answer in answers:
            _take(run, answer, reader, chunk)
        chunk.unanswered |= chunk.tried & failed
        return chunk

    def commit(chunk: Chunk) -> None:
        run.run.counts["rows"] += sum(land(run.conn, chunk.rows).values())
        reader.move(run, chunk)
        run.keep_pools(answers)
        notices.keep(run, {what: answer for answer in answers for what in drift.of_insights(answer.body)})

    return run.land(answers, gather, commit)


def _take(run: ContentRun, answer: Answer, reader: Reader, chunk: Chunk) -> None:
    key, error = content_key(answer.ask), answer.error
    chunk.tried.add(key.unit)
    if error is None:
        error = _take_numbers(run, answer, reader, chunk)
    elif isinstance(error, LANDING):
        chunk.rows.append(reader.row(run, answer, chunk.at, replies.refusal(answer, error)))
        _take_refusal(key, answer, error, reader, chunk)
    else:
        chunk.rows += run.unreadable(answer, reader.endpoint)
    if error is None or isinstance(error, WithheldError | RefusedError) or _is_gone_for_good(key, error):
        return
    if reader.needs(key):
        chunk.unanswered.add(key.unit)
        run.settle(answer.ask, error)
    elif isinstance(error, ThrottledError | ReconnectError):
        run.settle(answer.ask, error)
    elif not isinstance(error, PermissionMissingError):
        run.run.counts["optional_failed"] += 1


def _is_gone_for_good(key: ContentKey, error: GraphError) -> bool:
    """Whether to believe that nothing is there: of a post, which may be deleted, but of no connected account."""
    return isinstance(error, GoneError) and bool(key.story_id)


def _take_numbers(run: ContentRun, answer: Answer, reader: Reader, chunk: Chunk) -> GraphError | None:
    """Land a good reply; a body that cannot land goes to the dead letters and counts as an error."""
    try:
        told = replies.numbers(answer.raw)
    except UnlandableError as reason:
        chunk.rows.append(run.dead_letter(answer.ask, reader.endpoint, str(reason), answer.raw))
        return UnreadableError(str(reason), raw=answer.raw)
    key = content_key(answer.ask)
    chunk.rows.append(reader.row(run, answer, chunk.at, told))
    chunk.granted.append(answer)
    if told.status == "ok" and reader.needs(key):
        chunk.read.add(key.unit)
    return None


def _take_refusal(key: ContentKey, answer: Answer, error: GraphError, reader: Reader, chunk: Chunk) -> None:
    if isinstance(error, WithheldError) and reader.needs(key):
        chunk.read.add(key.unit)
    # An optional metric is refused in the words of a missing permission too (code 200).
    if not isinstance(error, RefusedError if reader.needs(key) else (RefusedError, PermissionMissingError)):
        return
    if error.subcode == BEFORE_CONVERSION:
        chunk.barred.add(key.unit)
    elif len(singles := _singles(answer.ask)) > 1:
        chunk.unanswered.add(key.unit)  # its clock waits for the metrics one by one
        chunk.again.append(singles)
    else:
        chunk.refusals.append(answer)


def _singles(ask: Ask) -> list[Ask]:
    """The same ask for each of its metrics alone."""
    key = content_key(ask)
    return [
        replace(ask, params={**ask.params, "metric": metric}, key=replace(key, group=f"{key.group}:{metric}"))
        for metric in ask.params["metric"].split(",")
    ]
