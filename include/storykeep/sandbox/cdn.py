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

_PATH = re.compile(r"/v/t\d+\.\d+-\d+/(\d+)_n\.(jpg|mp4)")
_REFUSED = "URL signature expired"


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

    def link(self, story_id: str, kind: Literal["jpg", "mp4"], now: datetime) -> str:
        """A fresh link to a story's image or video; `_nc_rid` differs every time."""
        path = f"/v/t{'16.2885' if kind == 'mp4' else '51.2885'}-15/{story_id}_n.{kind}"
        expiry = f"{int((now + switches.LINK_LIFE).timestamp()):X}"
        query = f"_nc_rid={next(self._reads):010x}&ccb=9-4&oh={self._sign(path, expiry)}&oe={expiry}"
        return f"{self._base_url}{path}?{query}"

    def answer(self, path: str, params: Mapping[str, str], now: datetime) -> tuple[int, str, bytes]:
        """Status, content type and bytes: 403 once a link is expired or was changed."""
        expiry, match = params.get("oe", ""), _PATH.fullmatch(path)
        if match is None:
            return 404, "text/plain", b"Not Found"
        if not hmac.compare_digest(self._sign(path, expiry).encode(), params.get("oh", "").encode()):
            return 403, "text/plain", _REFUSED.encode()
        if now.timestamp() >= int(expiry, 16):
            return 403, "text/plain", _REFUSED.encode()
        return (200, "video/mp4", mp4(match[1])) if match[2] == "mp4" else (200, "image/jpeg", jpeg(match[1]))

    def _sign(self, path: str, expiry: str) -> str:
        digest = hmac.digest(self._key, f"{path}|{expiry}".encode(), hashlib.sha256)
        return "00_AfQ" + digest.hex()[:32]


def story_of(path: str) -> str | None:
    """The story that a CDN path belongs to."""
    match = _PATH.fullmatch(path)
    return match[1] if match else None
