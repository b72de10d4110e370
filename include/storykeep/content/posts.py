"""Lists the posts and reels of accounts, page by page, and reads their numbers."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storykeep.capture import nodes, notices, refusals
from storykeep.capture.asks import key_of
from storykeep.capture.replies import Told
from storykeep.content import clocks
from storykeep.content.clocks import Kind
from storykeep.content.numbers import Chunk, Reader, read
from storykeep.content.planner import PostClock
from storykeep.content.run import ContentKey, ContentRun, content_key
from storykeep.graph import drift, endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import GraphError, UnreadableError
from storykeep.graph.metrics import Product
from storykeep.landing import payload
from storykeep.landing.loader import land
from storykeep.landing.payload import UnlandableError
from storykeep.landing.rows import Media, MediaInsight, Row


@dataclass
class _Page:
    """What one chunk of pages brought; `done` are the accounts whose list was read to its end."""

    rows: list[Row] = field(default_factory=list)
    seen: list[PostClock] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    next_pages: list[Ask] = field(default_factory=list)


def list_posts(run: ContentRun, since: Mapping[str, datetime]) -> None:
    """List what each account has posted since then, and start the clocks of what is new.

    Each chunk of pages is committed before the next is asked for. An account's clock moves with its last page, so that
    a list that was cut short is begun again.
    """
    asks = []
    for account_id, begin in since.items():
        one = run.connections[account_id]
        key = ContentKey(account_id, subject="posts")
        asks.append(endpoints.media(one.ig_user_id, one.token, one.login_flavour, key=key, since=begin))
    pages = deque[Sequence[Ask]]()
    for answers in run.answers(([ask] for ask in asks), pages):
        pages.extend([page] for page in _land_pages(run, answers, since))


def _land_pages(run: ContentRun, answers: Sequence[Answer], since: Mapping[str, datetime]) -> list[Ask]:
    def gather() -> _Page:
        page = _Page()
        for answer in answers:
            _take_page(run, answer, since[key_of(answer.ask).account_id], page)
        return page

    def commit(page: _Page) -> None:
        run.run.counts["rows"] += sum(land(run.conn, page.rows).values())
        clocks.seen(run.conn, page.seen)
        done = {account_id: run.now if account_id in page.done else None for account_id in page.tried}
        clocks.asked(run.conn, "posts", done, run.now)
        run.keep_pools(answers)
        notices.keep(run, {what: answer for answer in answers for what in drift.of_posts(answer.body)})

    page = run.land(answers, gather, commit)
    run.run.counts["lists of posts"] += len(page.done)
    return page.next_pages


def _take_page(run: ContentRun, answer: Answer, since: datetime, page: _Page) -> None:
    account_id = key_of(answer.ask).account_id
    page.tried.add(account_id)
    error, found = _nodes(run, answer, page)
    posted_at = [at for node in found if (at := _take_node(run, answer, node, page))]
    following = nodes.following(answer, error)
    # Should the API not heed `since`, the list would go on to the account's first post.
    is_past = bool(posted_at) and max(posted_at) < since
    if error is None and following is None:
        error = nodes.cut_short(answer)
    if following is not None and not is_past:
        page.next_pages.append(following)
    elif error is not None:
        run.settle(answer.ask, error)
    else:
        page.done.add(account_id)


def _nodes(run: ContentRun, answer: Answer, page: _Page) -> tuple[GraphError | None, list[Any]]:
    """The nodes of a page, or the error; a reply that cannot be read is kept as a dead letter."""
    if answer.error is not None:
        page.rows += run.unreadable(answer, "media")
        return answer.error, []
    try:
        return None, nodes.nodes(answer.raw)
    except UnlandableError as reason:
        page.rows.append(run.dead_letter(answer.ask, "media", str(reason), answer.raw))
        return UnreadableError(str(reason), raw=answer.raw), []


def _take_node(run: ContentRun, answer: Answer, node: Any, page: _Page) -> datetime | None:
    """Land one post and say when it was posted. One that cannot land goes to the dead letters, its neighbours stay."""
    try:
        media_id, posted_at = nodes.identity(node, "post")
        if fault := payload.fault(node):
            raise UnlandableError(fault)
    except UnlandableError as reason:
        page.rows.append(run.dead_letter(answer.ask, "media", str(reason), nodes.as_bytes(node)))
        return None
    account_id, content = key_of(answer.ask).account_id, payload.scrub(node)
    page.seen.append(PostClock(media_id, account_id, posted_at, None))
    page.rows.append(
        Media(
            media_id=media_id,
            account_id=account_id,
            captured_at=run.clock(),
            run_id=run.run.run_id,
            api_version=answer.api_version,
            payload=content,
            content_hash=payload.content_hash(without_counts(content)),
        )
    )
    return posted_at


def without_counts(node: Mapping[str, Any]) -> dict[str, Any]:
    """What a post is, less its counts (`like_count` and the like), which are read with its insights."""
    return {name: value for name, value in node.items() if not name.endswith("_count")}


def read_posts(run: ContentRun, posts: Sequence[PostClock]) -> None:
    """Read every metric group that these posts have, in their order."""
    readable = [post for post in posts if run.connections[post.account_id].can_read_insights]
    media_ids = [post.media_id for post in readable]
    kinds, refused = clocks.kinds(run.conn, media_ids), run.refused(media_ids)
    # A post's asks stay together, so that its clock moves with all of its rows.
    read(run, _asks(run, readable, kinds, refused), Reader("insights", _row, _move, required=("core",)))


def _asks(
    run: ContentRun, posts: Iterable[PostClock], kinds: Mapping[str, Kind], refused: Mapping[str, set[str]]
) -> Iterable[list[Ask]]:
    for post in posts:
        one, kind = run.connections[post.account_id], kinds.get(post.media_id, Kind())
        groups = refusals.groups(
            one.login_flavour, refused.get(post.media_id, set()), product_of(kind), kind.media_type
        )
        yield [
            endpoints.insights(
                post.media_id,
                one.token,
                group,
                pool=one.ig_user_id,
                key=ContentKey(post.account_id, post.media_id, group.name),
            )
            for group in groups
        ]


def product_of(kind: Kind) -> Product:
    """What a post counts as: its permalink tells a reel, where the node does not say."""
    is_reel = kind.product == "REELS" or (kind.product is None and "/reel/" in (kind.permalink or ""))
    return "REELS" if is_reel else "FEED"


def _row(run: ContentRun, answer: Answer, at: datetime, told: Told) -> MediaInsight:
    key = content_key(answer.ask)
    return MediaInsight(
        media_id=key.story_id,
        account_id=key.account_id,
        metric_group=key.group,
        captured_at=at,
        run_id=run.run.run_id,
        api_version=answer.api_version,
        **vars(told),
    )


def _move(run: ContentRun, chunk: Chunk) -> None:
    answered = {key.story_id for key in chunk.answered}
    clocks.answered(run.conn, answered, {key.story_id for key in chunk.barred}, chunk.at)
    # All metrics of a post refused at once say something of the API, not of this post.
    believed = [refusal for refusal in chunk.refusals if content_key(refusal.ask).unit in chunk.read]
    refusals.keep(run.conn, believed, chunk.at)
    for answer in chunk.granted:
        run.metrics.granted(answer)
    for refusal in believed:
        run.metrics.refused(refusal)
    run.run.counts["readings of posts"] += len(chunk.read & chunk.answered)
