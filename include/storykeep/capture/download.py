"""Fetches one file from an allowed host and keeps it under the hash of its bytes. Safe to use from several threads."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import requests
from upath import UPath
from urllib3.exceptions import HTTPError

from storykeep.clock import Clock, system_clock
from storykeep.landing import storage

TIMEOUT_SECONDS = (5, 30)
# For the whole of a file, since a host may send a byte now and then.
FILE_SECONDS = 60.0
MAX_BYTES = 200 * 2**20
PIECE_BYTES = 2**16
# A file that is not finished after so long belongs to a process that was killed.
LEFT_AFTER = timedelta(hours=1)
# As the bytes are, so that what is counted is what was sent.
HEADERS = {"Accept-Encoding": "identity"}
# How a file begins, by content type and by the name that it is kept under.
_SIGNATURES = tuple(
    (re.compile(begins, re.DOTALL), content_type, suffix)
    for begins, content_type, suffix in (
        (rb"\xff\xd8\xff", "image/jpeg", "jpg"),
        (rb"\x89PNG\r\n\x1a\n", "image/png", "png"),
        (rb"RIFF.{4}WEBP", "image/webp", "webp"),
        (rb"\0\0..ftyp(heic|heix|mif1)", "image/heic", "heic"),
        (rb"\0\0..ftyp", "video/mp4", "mp4"),
    )
)
_LONGEST_SIGNATURE = 12
_PLAIN_HOST = re.compile(r"[a-z0-9.-]+")


# Another link to the same file would end the same way.
OF_THE_FILE = frozenset({"too_large", "too_slow"})


class MediaMissingError(Exception):
    """The file cannot be had from this link; the message is the cause that is kept."""


def fetch(
    session: requests.Session,
    url: str,
    root: UPath,
    hosts: Sequence[str],
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Download `url` into `root` under the sha256 of its bytes.

    Returns the columns of raw.media_files that describe the file. Raises MediaMissingError with the cause: a host
    that is not on the list, a redirect, an answer other than 200, too many bytes or too slow, cut off, or a type that
    is no media.
    """
    if not allowed(url, hosts):
        raise MediaMissingError("host_not_allowed")
    deadline = monotonic() + FILE_SECONDS
    try:
        with session.get(
            url, headers=HEADERS, auth=_anonymous, stream=True, timeout=TIMEOUT_SECONDS, allow_redirects=False
        ) as reply:
            if reply.status_code != requests.codes.ok:
                raise MediaMissingError(f"http_{reply.status_code}")
            return _keep(_pieces(reply, deadline, monotonic), root)
    except (requests.RequestException, HTTPError) as error:  # urllib3 refuses some addresses by itself
        raise MediaMissingError(f"unreachable_{type(error).__name__}") from None


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials: left to itself, the library takes those that this machine's .netrc has for the host."""
    return request


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


def _pieces(reply: requests.Response, deadline: float, monotonic: Callable[[], float]) -> Iterator[bytes]:
    """The body as it arrives, within the bounds of size and time."""
    if (reply.raw.length_remaining or 0) > MAX_BYTES:
        raise MediaMissingError("too_large")
    size = 0
    while piece := reply.raw.read1(PIECE_BYTES, decode_content=False):
        size += len(piece)
        if size > MAX_BYTES:
            raise MediaMissingError("too_large")
        if monotonic() > deadline:
            raise MediaMissingError("too_slow")
        yield piece


def _keep(pieces: Iterator[bytes], root: UPath) -> dict[str, Any]:
    """Keep the body when its first bytes are those of media."""
    head = _head(pieces)
    content_type, suffix = sniff(head)
    name, size, path = storage.keep(chain((head,), pieces), root, suffix)
    return {"content_hash": name, "content_type": content_type, "size_bytes": size, "path": path}


def clear_leftovers(root: UPath, *, clock: Clock = system_clock) -> None:
    """Remove what downloads that were killed have left unfinished in `root`; `clock` is that of its files."""
    for path in root.glob(".*.part") if root.is_dir() else ():
        with suppress(FileNotFoundError):  # another run may do the same
            if clock() - datetime.fromtimestamp(path.stat().st_mtime, UTC) > LEFT_AFTER:
                path.unlink()


def _head(pieces: Iterator[bytes]) -> bytes:
    """The first pieces, together long enough to know what it is."""
    head = b""
    while len(head) < _LONGEST_SIGNATURE and (piece := next(pieces, b"")):
        head += piece
    return head


def sniff(head: bytes) -> tuple[str, str]:
    """Content type and file suffix by the first bytes. Raises MediaMissingError when they are no known media."""
    for begins, content_type, suffix in _SIGNATURES:
        if begins.match(head):
            return content_type, suffix
    raise MediaMissingError("not_media" if head else "empty")
