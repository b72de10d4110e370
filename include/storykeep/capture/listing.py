"""Lists the live stories of accounts, page by page, and lands the nodes and the proof of the listing."""

from collections import deque
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storykeep.capture import clocks, incidents, nodes, notices
from storykeep.capture.asks import AskKey, key_of
from storykeep.capture.causes import IncidentError, cause_of
from storykeep.capture.incidents import Watch
from storykeep.capture.planner import STORY_LIFE, StoryClock
from storykeep.capture.tick import Tick
from storykeep.graph import drift, endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import GraphError, ThrottledError, UnreadableError
from storykeep.landing import payload
from storykeep.landing.loader import land
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import Row, Story, StoryListing


@dataclass
class Listing:
    """An account's listing so far: content hash by story id. It proves nothing unless it `is_whole`."""

    nodes: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True


@dataclass
class _Chunk:
    """What one chunk of answers brought. `disbelieved` are the asks whose answers are part of an incident."""

    disbelieved: frozenset[AskKey]
    rows: list[Row] = field(default_factory=list)
    seen: list[StoryClock] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    next_pages: list[Ask] = field(default_factory=list)


def list_stories(tick: Tick, account_ids: Iterable[str], between: Callable[[], None] | None = None) -> None:
    """List each account's stories and start the clocks of the new ones. Each chunk is committed before the next.

    `between` is called after each chunk.
    """
    listings: dict[str, Listing] = {}
    asks = []
    for account_id in account_ids:
        connection = tick.connections[account_id]
        asks.append(endpoints.stories(connection.ig_user_id, connection.token, key=AskKey(account_id)))
    watch, pages = Watch(), deque[Sequence[Ask]]()
    for answers in tick.answers(([ask] for ask in asks), pages):
        pages.extend([page] for page in land_listings(tick, answers, listings, watch))
        if between:
            between()


def land_throttled(tick: Tick, account_ids: Iterable[str]) -> None:
    """Land, for accounts whose listing is due but must not be asked for, that it was not and why."""
    error = ThrottledError("its rate-limit pool, or its app's, rests", scope="account")
    unlisted = list(account_ids)

    def gather() -> list[StoryListing]:
        return [_failed(tick, account_id, error) for account_id in unlisted]

    def commit(rows: list[StoryListing]) -> None:
        tick.run.counts["rows"] += sum(land(tick.conn, rows).values())

    tick.land((), gather, commit, unlisted)


def land_listings(
    tick: Tick, answers: Sequence[Answer], listings: MutableMapping[str, Listing], watch: Watch
) -> list[Ask]:
    """Land one chunk of answers with its clocks; returns the asks for the pages that follow."""

    def gather() -> _Chunk:
        chunk = _Chunk(tick.disbelieved(answers, watch, incidents.of_listings))
        for answer in answers:
            account_id = key_of(answer.ask).account_id
            if "after" not in answer.ask.params:
                listings[account_id] = Listing()
            _take(tick, answer, listings[account_id], chunk)
        return chunk

    chunk = tick.land(answers, gather, lambda chunk: _commit(tick, answers, chunk))
    tick.memory.listed(chunk.complete, chunk.failed, chunk.seen, tick.now)
    tick.listed.update(chunk.complete, chunk.failed)
    tick.run.counts["listings"] += len(chunk.complete)
    return chunk.next_pages


def _commit(tick: Tick, answers: Sequence[Answer], chunk: _Chunk) -> None:
    tick.run.counts["rows"] += sum(land(tick.conn, chunk.rows).values())
    clocks.listed(tick.conn, chunk.complete, tick.now, complete=True)
    clocks.listed(tick.conn, chunk.failed, tick.now, complete=False)
    clocks.seen(tick.conn, chunk.seen, tick.clock())
    tick.keep_pools(answers)
    notices.keep(tick, {what: answer for answer in answers for what in drift.of_stories(answer.body)})


def _take(tick: Tick, answer: Answer, listing: Listing, chunk: _Chunk) -> None:
    error, found = _read(tick, answer, chunk)
    for node in found:
        _take_node(tick, answer, node, listing, chunk)
    following = nodes.following(answer, error)
    if error is None and following is None:
        error = nodes.cut_short(answer)
    if error is not None and following is None:
        tick.settle(answer.ask, error)
        chunk.rows.append(_failed(tick, key_of(answer.ask).account_id, error, answer.api_version))
        chunk.failed.append(key_of(answer.ask).account_id)
    elif following is not None:
        chunk.next_pages.append(following)
    elif listing.is_whole:
        chunk.rows.append(_complete(tick, answer, listing))
        chunk.complete.append(key_of(answer.ask).account_id)


def _read(tick: Tick, answer: Answer, chunk: _Chunk) -> tuple[GraphError | None, list[Any]]:
    """The nodes of a page, or the error; a reply that cannot be read is kept as a dead letter."""
    if key_of(answer.ask) in chunk.disbelieved:
        return IncidentError.of(answer.error), []
    if answer.error is not None:
        chunk.rows += tick.unreadable(answer, "stories")
        return answer.error, []
    try:
        return None, nodes.nodes(answer.raw)
    except UnlandableError as reason:
        chunk.rows.append(tick.dead_letter(answer.ask, "stories", str(reason), answer.raw))
        return UnreadableError(str(reason), raw=answer.raw), []


def _take_node(tick: Tick, answer: Answer, node: Any, listing: Listing, chunk: _Chunk) -> None:
    """Land one story node. A node that cannot land goes to the dead letters and its neighbours stay."""
    try:
        story = _story_clock(key_of(answer.ask).account_id, node)
    except UnlandableError as reason:
        chunk.rows.append(tick.dead_letter(answer.ask, "stories", str(reason), nodes.as_bytes(node)))
        return
    chunk.seen.append(story)
    fault = payload.fault(node)
    if fault:
        chunk.rows.append(tick.dead_letter(answer.ask, "stories", fault, nodes.as_bytes(node)))
        return
    content = payload.scrub(node)
    listing.nodes[story.story_id] = payload.content_hash(content)
    chunk.rows.append(
        Story(
            story_id=story.story_id,
            account_id=story.account_id,
            captured_at=tick.clock(),
            run_id=tick.run.run_id,
            api_version=answer.api_version,
            payload=content,
            content_hash=listing.nodes[story.story_id],
        )
    )


def _story_clock(account_id: str, node: Any) -> StoryClock:
    story_id, posted_at = nodes.identity(node, "story")
    try:
        return StoryClock(story_id, account_id, posted_at, posted_at + STORY_LIFE, None)
    except OverflowError:
        raise UnlandableError(f"story {story_id}: it ends after the end of time") from None


def _complete(tick: Tick, answer: Answer, listing: Listing) -> StoryListing:
    return StoryListing(
        account_id=key_of(answer.ask).account_id,
        captured_at=tick.clock(),
        run_id=tick.run.run_id,
        api_version=answer.api_version,
        status="ok",
        payload=dict(listing.nodes),
        content_hash=payload.content_hash(listing.nodes),
    )


def _failed(tick: Tick, account_id: str, error: GraphError, api_version: str | None = None) -> StoryListing:
    return StoryListing(
        account_id=account_id,
        captured_at=tick.clock(),
        run_id=tick.run.run_id,
        api_version=api_version,
        status="failed",
        cause=cause_of(error),
        error_code=error.code,
        error_subcode=error.subcode,
        content_hash=payload.content_hash([error.code, error.subcode]),
    )
