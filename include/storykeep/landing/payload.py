"""From the bytes of a reply to JSON that may be kept: decoded with care, without secrets, with a hash."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SECRET_KEYS = frozenset({"access_token", "appsecret_proof", "client_secret"})
# Paging links hold the access token in their query; where there are cursors beside them, those say the same.
LINK_KEYS = frozenset({"next", "previous"})
# These differ at every read of the same file: the signature and the edge host are not content.
SIGNED_URL_KEYS = frozenset({"media_url", "thumbnail_url", "profile_picture_url"})
# The deepest reply of the API has ten levels; thousands would exhaust whoever walks through them.
DEPTH = 100
_SECRET_VALUE = re.compile(rb"((?:access_token|appsecret_proof|client_secret)(?:=|%3D|\"\s*:\s*\"))[^&\"'\s<\\]+")
# What a token of either login flavour looks like, wherever it stands. Live ones are longer still.
_TOKEN = re.compile(rb"\b(?:EAA|IGAA|IGQV)\w{40,}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class UnlandableError(Exception):
    """The bytes are not JSON that Postgres can keep; the message says why."""


class _TwiceKeyed(dict[str, Any]):
    """An object that named a key twice; `jsonb` would silently keep the last."""


def decode(raw: bytes) -> Any:
    """Decode the JSON text of a reply.

    Raises UnlandableError when it is not valid UTF-8 or not JSON. A fault inside one object of many is left for
    `fault()`, so that its neighbours can be kept.
    """
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise UnlandableError(f"not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise UnlandableError(f"not JSON: {type(error).__name__}: {error}") from None
    if _is_deeper(value, DEPTH):
        raise UnlandableError(f"not nested as any reply is: more than {DEPTH} levels")
    return value


def fault(value: Any) -> str | None:
    """Say why Postgres could not keep this JSON value as it came, or None when it can."""
    return next(_faults(value), None)


def scrub(value: Any) -> Any:
    """The value without the secrets that Meta puts into replies: paging links, tokens, proofs."""
    if isinstance(value, dict):
        dropped = SECRET_KEYS | LINK_KEYS if "cursors" in value else SECRET_KEYS
        kept = {key: scrub(item) for key, item in value.items() if key not in dropped}
        if isinstance(paging := kept.get("paging"), dict):
            kept["paging"] = {key: item for key, item in paging.items() if key not in LINK_KEYS}
        return kept
    if isinstance(value, list):
        return [scrub(item) for item in value]
    return value


def scrub_bytes(body: bytes, secrets: Iterable[str]) -> bytes:
    """The same for bytes that are no JSON: values of secret parameters, tokens, and the secrets that are known."""
    for secret in secrets:
        body = body.replace(secret.encode(), b"***")
    return _TOKEN.sub(b"***", _SECRET_VALUE.sub(rb"\1***", body))


def content_hash(value: Any) -> str:
    """Sha256 of what the value says: key order and the signatures of media URLs do not count."""
    text = json.dumps(_unsigned(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return bytes_hash(text.encode("utf-8", "surrogatepass"))


def bytes_hash(body: bytes) -> str:
    """Sha256 of bytes, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _TwiceKeyed(found)


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list) or not value:
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def _refuse(name: str) -> None:
    raise UnlandableError(f"not JSON: {name}")


def _faults(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text_faults(value)
    elif isinstance(value, float) and not math.isfinite(value):
        yield "a number is too large"
    elif isinstance(value, dict):
        if isinstance(value, _TwiceKeyed):
            yield "an object names a key twice"
        for key, item in value.items():
            yield from _text_faults(key)
            yield from _faults(item)
    elif isinstance(value, list):
        for item in value:
            yield from _faults(item)


def _text_faults(text: str) -> Iterator[str]:
    if "\x00" in text:
        yield "a text holds a NUL character"
    if _SURROGATE.search(text):
        yield "a text holds half of a surrogate pair"


def _unsigned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _path(item) if key in SIGNED_URL_KEYS else _unsigned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unsigned(item) for item in value]
    return value


def _path(url: Any) -> Any:
    if not isinstance(url, str):
        return url
    try:
        return urlunsplit(("", "", urlsplit(url).path, "", ""))
    except ValueError:
        return url
