"""Archives the files of stories by the hash of their bytes, before their signed links die."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import requests
from psycopg.rows import class_row
from upath import UPath
from urllib3.exceptions import HTTPError

from storykeep.accounts import pools, registry
from storykeep.accounts.vault import Vault
from storykeep.capture.asks import AskKey
from storykeep.capture.tick import Tick
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph import endpoints
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import ReconnectError, ThrottledError
from storykeep.landing.loader import land
from storykeep.landing.rows import MediaFile
from storykeep.landing.runs import Run, ledger
from storykeep.settings import Flavour, Settings

log = logging.getLogger(__name__)

Kind = Literal["media", "thumbnail"]
TIMEOUT_SECONDS = (5, 30)
MAX_BYTES = 200 * 2**20
CHUNK_BYTES = 2**16
PATIENCE = timedelta(minutes=2)
# How a file begins, by content type and by the name that it is kept under.
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (8, b"WEBP", "image/webp", "webp"),
    (4, b"ftypheic", "image/heic", "heic"),
    (4, b"ftyp", "video/mp4", "mp4"),
)
_PLAIN_HOST = re.compile(r"[a-z0-9.-]+")


class MediaMissingError(Exception):
    """The file cannot be had from this link; the message is the cause that is kept."""


@dataclass(frozen=True)
class Wanted:
    """A file of a story that is not archived yet; `url` is None when the API gave no link."""

    story_id: str
    account_id: str
    kind: Kind
    url: str | None


def archive_media(
    conn: psycopg.Connection, settings: Settings, clients: Mapping[Flavour, GraphClient], clock: Clock, run_id: str
) -> Run | None:
    """Archive the files of all stories that still run and are not archived yet; None when there are none.

    What cannot be had is kept in raw.media_files with its cause and tried again an hour later, unless the API gave no
    link at all. After PATIENCE the rest waits for the next run, since no sweep may wait for a file. Raises
    StorykeepError, after all the others were tried, when the storage would not take a file.
    """
    wanted = _wanted(conn, clock())
    if not wanted:
        return None
    root, unkept = _root(settings.media_root), []
    with ledger(conn, "media", run_id, clock) as run, requests.Session() as session:
        tick = _tick(conn, settings, clients, clock, run)
        for file in wanted:
            if clock() - run.clock_at > PATIENCE:
                log.info("%s: the other files wait for the next run", run_id)
                break
            try:
                _archive(tick, file, session, root, settings.media_hosts)
            except OSError as error:
                unkept.append(f"story {file.story_id}: {error.strerror or error}")
        log.info("%s: %d archived, %d missing", run_id, run.counts["archived"], run.counts["missing"])
    if unkept:
        raise StorykeepError(
            f"{len(unkept)} files cannot be kept, the first of {unkept[0]}",
            where=settings.media_root,
            remedy="free or mend the storage; files are tried again at the next tick, while their story runs",
        )
    return run


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
        blocked=pools.blocked(conn, run.clock_at),
    )


def _root(media_root: str) -> UPath:
    """The storage. Raises StorykeepError when there is none of this kind, or its library is not installed."""
    try:
        root = UPath(media_root)
        _ = root.fs if not isinstance(root, Path) else None
    except (ImportError, ValueError) as error:
        raise StorykeepError(
            str(error),
            where=f"STORYKEEP_MEDIA_ROOT={media_root}",
            remedy="install the library of this storage beside Storykeep (for s3:// it is s3fs), or name a folder",
        ) from None
    return root


def _wanted(conn: psycopg.Connection, now: datetime) -> list[Wanted]:
    with conn.cursor(row_factory=class_row(Wanted)) as cursor:
        return cursor.execute(
            """
            with newest as (
                select distinct on (stories.story_id) stories.story_id, stories.account_id, stories.payload
                from raw.stories
                join app.story_clock on story_clock.story_id = stories.story_id
                where story_clock.expires_at > %(now)s
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
            {"now": now},
        ).fetchall()


def _archive(tick: Tick, wanted: Wanted, session: requests.Session, root: UPath, hosts: Sequence[str]) -> None:
    """Fetch one file, once more with a fresh link if the first one is dead, and land what came of it."""
    found: dict[str, Any] = {"status": "missing", "cause": "no_link"}
    for url in _links(tick, wanted):
        try:
            found = {"status": "archived"} | fetch(session, url, root, hosts)
            break
        except MediaMissingError as error:
            found = {"status": "missing", "cause": str(error)}
    if found["status"] == "missing":
        log.warning("story %s has no %s: %s", wanted.story_id, wanted.kind, found["cause"])
    tick.run.counts[found["status"]] += 1
    row = MediaFile(
        story_id=wanted.story_id,
        account_id=wanted.account_id,
        kind=wanted.kind,
        captured_at=tick.clock(),
        run_id=tick.run.run_id,
        **found,
    )
    with tick.conn.transaction():
        land(tick.conn, [row])


def _links(tick: Tick, wanted: Wanted) -> Iterator[str]:
    if wanted.url is None:
        return
    yield wanted.url
    if not tick.can_ask(wanted.account_id):
        return
    connection = tick.connections[wanted.account_id]
    key = AskKey(wanted.account_id, wanted.story_id)
    ask = endpoints.story(wanted.story_id, connection.token, pool=connection.ig_user_id, key=key)
    answer = tick.clients[connection.login_flavour].get(ask)
    with tick.conn.transaction():
        if isinstance(answer.error, ThrottledError | ReconnectError):
            tick.settle(ask, answer.error)
        tick.keep_pools([answer])
    fresh = answer.body.get(f"{wanted.kind}_url") if isinstance(answer.body, dict) else None
    if isinstance(fresh, str):
        yield fresh


def fetch(session: requests.Session, url: str, root: UPath, hosts: Sequence[str]) -> dict[str, Any]:
    """Download `url` into `root` under the sha256 of its bytes.

    Returns the columns of raw.media_files that describe the file. Raises MediaMissingError with the cause: a host
    that is not on the list, a redirect, an answer other than 200, too many bytes, or a type that is no media.
    """
    if not allowed(url, hosts):
        raise MediaMissingError("host_not_allowed")
    try:
        with session.get(url, stream=True, timeout=TIMEOUT_SECONDS, allow_redirects=False) as reply:
            if reply.status_code != requests.codes.ok:
                raise MediaMissingError(f"http_{reply.status_code}")
            return _keep(reply, root)
    except (requests.RequestException, HTTPError) as error:  # urllib3 refuses some addresses by itself
        raise MediaMissingError(f"unreachable_{type(error).__name__}") from None


def allowed(url: str, hosts: Sequence[str]) -> bool:
    """Whether a link may be followed: https to a listed host or a subdomain of one.

    Plain http passes only where the list names the very address with its port, as it does for a sandbox.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    # Parsers disagree on odd characters in a host (a backslash ends it for some), so plain names only.
    if parts.username or parts.password or not _PLAIN_HOST.fullmatch(host):
        return False
    if parts.scheme == "http":
        return f"{host}:{port}" in hosts
    return (
        parts.scheme == "https"
        and port in (None, 443)
        and any(host == name or host.endswith(f".{name}") for name in hosts)
    )


def _keep(reply: requests.Response, root: UPath) -> dict[str, Any]:
    """Write the body to a temporary file, then give it its name: nobody ever sees half a file under a hash."""
    chunks = reply.iter_content(CHUNK_BYTES)
    head = next(chunks, b"")
    content_type, suffix = sniff(head)
    root.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    unfinished = root / f".{uuid4()}.part"
    try:
        with unfinished.open("wb") as file:
            for chunk in chain((head,), chunks):
                digest.update(chunk)
                size += len(chunk)
                if size > MAX_BYTES:
                    raise MediaMissingError("too_large")
                file.write(chunk)
            file.flush()
            if isinstance(root, Path):
                os.fsync(file.fileno())
        name = digest.hexdigest()
        path = f"{name[:2]}/{name}.{suffix}"
        (root / name[:2]).mkdir(exist_ok=True)
        unfinished.rename(root / path)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"content_hash": name, "content_type": content_type, "size_bytes": size, "path": path}


def sniff(head: bytes) -> tuple[str, str]:
    """Content type and file suffix by the first bytes. Raises MediaMissingError when they are no known media."""
    for offset, signature, content_type, suffix in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return content_type, suffix
    raise MediaMissingError("not_media" if head else "empty")
