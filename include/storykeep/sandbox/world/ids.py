"""Ids as Instagram writes them, computed from numbers and back, so that no table of them is needed."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from random import Random

_IG_EPOCH_MS = 1_314_220_021_721
_PRIME_BELOW = {11: 99_999_999_977, 14: 99_999_999_999_973}


def draw(*parts: object) -> Random:
    """A random generator that is the same for the same parts, in every process."""
    return Random(":".join(map(str, parts)))


def fraction(*parts: object) -> float:
    """A number from 0 to below 1 that is the same for the same parts: one draw, much cheaper than a generator."""
    digest = hashlib.blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


class IdSpace:
    """Numbers scattered over a range of ids, reversibly: id = base + (number * step + shift) mod a prime.

    Args:
        base: the smallest id.
        digits: the ids spread over 10 ** digits values (11 or 14).
        seed: what the scattering depends on.
    """

    def __init__(self, base: int, digits: int, *seed: object) -> None:
        self._base, self._prime = base, _PRIME_BELOW[digits]
        rng = draw("ids", base, *seed)
        self._step, self._shift = (rng.randrange(self._prime // 3, self._prime) for _ in range(2))
        self._inverse = pow(self._step, -1, self._prime)

    def encode(self, number: int) -> str:
        """The id of a number below the prime."""
        return str(self._base + (number * self._step + self._shift) % self._prime)

    def decode(self, text: str) -> int | None:
        """The number behind an id, or None if no number has it."""
        if not (text.isascii() and text.isdecimal() and len(text) < 20):
            return None
        offset = int(text) - self._base
        if not 0 <= offset < self._prime:
            return None
        return (offset - self._shift) * self._inverse % self._prime


def ig_id(posted_at: datetime, lag_ms: int, low_bits: int) -> int:
    """The 19-digit id that carries its own time: `lag_ms` after the post, then 23 low bits."""
    milliseconds = int(posted_at.timestamp() * 1000) + lag_ms - _IG_EPOCH_MS
    return (milliseconds << 23) | low_bits


def shortcode(number: int) -> str:
    """An ig_id in base 64 of the URL alphabet."""
    return base64.urlsafe_b64encode(number.to_bytes(9, "big")).decode().lstrip("A")
