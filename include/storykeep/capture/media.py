"""Archives the files of stories by the hash of their bytes, before their signed links die."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row
from upath import UPath

from storykeep.accounts import registry
from storykeep.accounts.states import Reason, State
from storykeep.accounts.vault import Vault
from storykeep.capture.asks import AskKey, key_of
from storykeep.capture.download import OF_THE_FILE, MediaMissingError, clear_leftovers, fetch
from storykeep.capture.side_by_side import side_by_side
from storykeep.capture.tick import Tick
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph import endpoints
from storykeep.graph.client import Ask, GraphClient
from storykeep.graph.errors import ReconnectError, ThrottledError
from storykeep.graph.transport import pooled_session
from storykeep.landing.loader import land
from storykeep.landing.rows import MediaFile
from storykeep.landing.runs import Run, ledger
from storykeep.landing.storage import open_root
from storykeep.settings import Flavour, Settings

log = logging.getLogger(__name__)

Kind = Literal["media", "thumbnail"]
PATIENCE = timedelta(minutes=2)
# So many files are fetched at a time: a slow host or a large video holds up none of the others.
AT_ONCE = 8


@dataclass(frozen=True)
class Wanted:
    """A file of a story that is not archived yet; `url` is None when the API gave no link."""

    story_id: str
    account_id: str
    kind: Kind
    url: str | None


@dataclass(frozen=True)
class _Link:
    """Where to fetch a file from; a fresh link was asked for after another one had died."""

    wanted: Wanted
    url: str
    is_fresh: bool = False


def archive_media(
    conn: psycopg.Connection, settings: Settings, clients: Mapping[Flavour, GraphClient], clock: Clock, run_id: str
) -> Run | None:
    """Archive the files of all stories that still run and are not archived yet; None when there are none.

    Several are fetched at once, and each lands when it is there. What cannot be had is kept in raw.media_files with
    its cause and tried again an hour later, unless the API gave no link at all. After PATIENCE the rest waits for the
    next run, since no sweep may wait for a file. Raises StorykeepError, after all the others were tried, when the
    storage would not take a file.
    """
    wanted = _wanted(conn, clock())
    if not wanted:
        return None
    root = open_root(settings.media_root)
    clear_leftovers(root)
    with ledger(conn, "media", run_id, clock) as run, pooled_session(AT_ONCE) as session:
        tick = _tick(conn, settings, clients, clock, run)

        def fetched(link: _Link) -> dict[str, Any]:
            return fetch(session, link.url, root, settings.media_hosts)

        unkept = _archive(tick, root, wanted, fetched)
        log.info("%s: %d archived, %d missing", run_id, run.counts["archived"], run.counts["missing"])
    if unkept:
        raise StorykeepError(
            f"{len(unkept)} files cannot be kept, the first of {unkept[0]}",
            where=settings.media_root,
            remedy="free or mend the storage; files are tried again at the next tick, while their story runs",
        )
    return run


def _archive(
    tick: Tick, root: UPath, wanted: Sequence[Wanted], fetched: Callable[[_Link], dict[str, Any]]
) -> list[str]:
    """Fetch the files, once more with a fresh link where the first one is dead, and land what came of each.

    Returns what the storage would not take. Dead links are replaced together, once all others are under way.
    """
    for file in wanted:
        if file.url is None:
            _land(tick, file, cause="no_link")
    queue = deque(_Link(file, file.url) for file in wanted if file.url is not None)
    dead: dict[_Link, str] = {}
    unkept: list[str] = []
    for link, result in side_by_side(fetched, queue, AT_ONCE):
        try:
            _land_file(tick, root, link.wanted, result.result())
        except MediaMissingError as error:
            if link.is_fresh or str(error) in OF_THE_FILE:
                _land(tick, link.wanted, cause=str(error))
            else:
                dead[link] = str(error)
        except OSError as error:
            unkept.append(f"story {link.wanted.story_id}: {error.strerror or error}")
        if (queue or dead) and tick.clock() - tick.now > PATIENCE:
            log.info("%s: %d files wait for the next run", tick.run.run_id, len(queue) + len(dead))
            queue.clear()
            dead.clear()
        if dead and not queue:
            queue.extend(_freshened(tick, dead))
            dead.clear()
    return unkept


def _tick(
    conn: psycopg.Connection, settings: Settings, clients: Mapping[Flavour, GraphClient], clock: Clock, run: Run
) -> Tick:
    """What fresh links are asked for with: the same rules about throttled pools and dead tokens as for readings."""
    connections, _ = registry.capturable(conn, Vault(settings.token_keys), shard=0, shards=1)
    return Tick(
        conn=conn,
        clients=clients,
        clock=clock,
        run=run,
        connections={each.account_id: each for each in connections if each.login_flavour in clients},
    )


def _wanted(conn: psycopg.Connection, now: datetime) -> list[Wanted]:
    """The files that are not archived yet, of nobody who said goodbye: a link outlives the consent to use it."""
    with conn.cursor(row_factory=class_row(Wanted)) as cursor:
        return cursor.execute(
            """
            with newest as (
                select distinct on (stories.story_id) stories.story_id, stories.account_id, stories.payload
                from raw.stories
                join app.story_clock on story_clock.story_id = stories.story_id
                join app.connections on connections.account_id = stories.account_id
                where
                    story_clock.expires_at > %(now)s and connections.status <> all(%(goodbyes)s)
                    and connections.reason is distinct from %(goodbye)s
                order by stories.story_id, stories.captured_at desc, stories.content_hash
            ),

            files as (
                select story_id, account_id, 'media' as kind, payload ->> 'media_url' as url from newest
                union all
                select story_id, account_id, 'thumbnail', payload ->> 'thumbnail_url'
                from newest where payload ? 'thumbnail_url'
            )

            select files.* from files
            where not exists (
                select from raw.media_files
                where media_files.story_id = files.story_id and media_files.kind = files.kind
                and (media_files.status = 'archived' or files.url is null
                    or media_files.captured_at > %(now)s - interval '1 hour')
            )
            order by files.story_id, files.kind
            """,
            {"now": now, "goodbyes": [State.DISCONNECTED, State.PURGED], "goodbye": Reason.APP_REMOVED},
        ).fetchall()


def _land_file(tick: Tick, root: UPath, wanted: Wanted, file: Mapping[str, Any]) -> None:
    """Land an archived file; one that must not land, as its account was purged meanwhile, goes again."""
    with tick.conn.transaction():
        is_known = "select from raw.media_files where content_hash = %s limit 1"
        if not _land(tick, wanted, **file) and not tick.conn.execute(is_known, [file["content_hash"]]).rowcount:
            (root / file["path"]).unlink(missing_ok=True)


def _land(tick: Tick, wanted: Wanted, *, cause: str | None = None, **file: Any) -> bool:
    """Land that a file was archived, or why it is missing; False when that is refused."""
    status: Literal["archived", "missing"] = "missing" if cause else "archived"
    if cause:
        log.warning("story %s has no %s: %s", wanted.story_id, wanted.kind, cause)
    tick.run.counts[status] += 1
    row = MediaFile(
        story_id=wanted.story_id,
        account_id=wanted.account_id,
        kind=wanted.kind,
        captured_at=tick.clock(),
        run_id=tick.run.run_id,
        status=status,
        cause=cause,
        **file,
    )
    with tick.conn.transaction():
        return bool(land(tick.conn, [row]))


def _freshened(tick: Tick, dead: Mapping[_Link, str]) -> list[_Link]:
    """Fresh links for dead ones; where the API gives none, lands what the first one died of."""
    askable = [link.wanted for link in dead if tick.can_ask(link.wanted.account_id)]
    asks = {wanted.story_id: _ask(tick, wanted) for wanted in askable}
    nodes: dict[str, Any] = {}
    for answers in tick.answers(([ask] for ask in asks.values()), deque()):
        with tick.conn.transaction():
            for answer in answers:
                if isinstance(answer.error, ThrottledError | ReconnectError):
                    tick.settle(answer.ask, answer.error)
            tick.keep_pools(answers)
        nodes |= {key_of(answer.ask).story_id: answer.body for answer in answers if isinstance(answer.body, dict)}
    fresh = []
    for link, cause in dead.items():
        url = nodes.get(link.wanted.story_id, {}).get(f"{link.wanted.kind}_url")
        if isinstance(url, str):
            fresh.append(_Link(link.wanted, url, is_fresh=True))
        else:
            _land(tick, link.wanted, cause=cause)
    return fresh


def _ask(tick: Tick, wanted: Wanted) -> Ask:
    connection = tick.connections[wanted.account_id]
    key = AskKey(wanted.account_id, wanted.story_id)
    return endpoints.story(wanted.story_id, connection.token, pool=connection.ig_user_id, key=key)
