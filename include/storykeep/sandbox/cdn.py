"""The CDN: signed links that expire, and the bytes behind them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from storykeep.sandbox import switches
from storykeep.sandbox.world.media_bytes import jpeg, mp4

Kind = Literal["jpg", "mp4"]
_EDGES = tuple(f"scontent-{place}.cdninstagram.com" for place in ("fra3-1", "ams2-1", "lhr8-2", "iad3-1", "nrt1-1"))
_FORMS = ("9-4", "7-5", "1-7")
_PATH = re.compile(r"/v/t\d+\.\d+-\d+/(\d+)_n\.(jpg|mp4)")
_EXPIRY = re.compile(r"[0-9A-F]{1,10}")


class Cdn:
    """Signs links and answers them.

    Args:
        base_url: scheme, host and port.
        seed: what the signing key depends on.
    """

    def __init__(self, base_url: str, seed: int) -> None:
        self._base_url = base_url
        self._key = f"cdn:{seed}".encode()
        self._reads = itertools.count(1)

    def link(self, media_id: str, kind: Kind, now: datetime, family: str = "15") -> str:
        """A fresh link to an image or video; the edge server (`_nc_ht`), `ccb` and `_nc_rid` change from read to read.

        Args:
            family: the end of the path's second part; 19 is that of profile pictures.
        """
        life, image_type = (switches.VIDEO_LINK_LIFE, "16.2885") if kind == "mp4" else (switches.LINK_LIFE, "51.2885")
        path = f"/v/t{image_type}-{family}/{media_id}_n.{kind}"
        expiry, read = f"{int((now + life).timestamp()):X}", next(self._reads)
        edge, form = _EDGES[read % len(_EDGES)], _FORMS[read % len(_FORMS)]
        query = f"_nc_ht={edge}&_nc_rid={read:010x}&ccb={form}&oh={self._sign(path, expiry)}&oe={expiry}"
        return f"{self._base_url}{path}?{query}"

    def answer(self, path: str, params: Mapping[str, str], now: datetime) -> tuple[int, str, bytes]:
        """Status, content type and bytes: 403 once a link is expired or was changed."""
        match, expiry = _PATH.fullmatch(path), params.get("oe", "")
        if match is None:
            return 404, "text/plain", b"Not Found"
        media_id, kind = match.groups()
        if not _EXPIRY.fullmatch(expiry):
            return 403, "text/plain", b"Bad URL timestamp"
        if not hmac.compare_digest(self._sign(path, expiry).encode(), params.get("oh", "").encode()):
            return 403, "text/plain", b"Bad URL hash"
        if now.timestamp() >= int(expiry, 16):
            return 403, "text/plain", b"URL signature expired"
        return (200, "video/mp4", mp4(media_id)) if kind == "mp4" else (200, "image/jpeg", jpeg(media_id))

    def _sign(self, path: str, expiry: str) -> str:
        digest = hashlib.blake2b(f"{path}|{expiry}".encode(), key=self._key, digest_size=16)
        return "00_AfQ" + digest.hexdigest()


def story_of(path: str) -> str | None:
    """The story or post that a CDN path belongs to."""
    match = _PATH.fullmatch(path)
    return match[1] if match else None
