"""The bytes of images and videos: small, valid, and different for every story."""

from __future__ import annotations

import hashlib
import struct

_VIDEO_BYTES = 4096


def jpeg(story_id: str) -> bytes:
    """An 8 x 8 grey baseline JPEG with the story's id as its comment."""
    shade = hashlib.sha256(story_id.encode()).digest()[0] & 0x7F
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            _segment(0xFE, story_id.encode()),
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC0, b"\x08\0\x08\0\x08\1\1\x11\0"),  # 8 bits, 8 x 8, one component
            _segment(0xC4, b"\x00" + _lone_code(7)),  # DC: one code, a difference of 7 bits
            _segment(0xC4, b"\x10" + _lone_code(0)),  # AC: one code, end of block
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
            _scan(shade),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _lone_code(symbol: int) -> bytes:
    """A Huffman table with one code, the single bit 0."""
    return bytes((1, *[0] * 15, symbol))


def _scan(shade: int) -> bytes:
    """One block: DC code 0, seven bits of difference, end of block 0, then bits set to 1 up to the byte."""
    bits = f"0{shade:07b}0".ljust(16, "1")
    scan = int(bits, 2).to_bytes(2, "big")
    return scan.replace(b"\xff", b"\xff\0")


def mp4(story_id: str) -> bytes:
    """An MP4 file: type, the story's id in a free box, media data that follow from it."""
    return (
        _box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
        + _box(b"free", story_id.encode())
        + _box(b"mdat", hashlib.shake_256(story_id.encode()).digest(_VIDEO_BYTES))
    )


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload) + 8) + kind + payload
