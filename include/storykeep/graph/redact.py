"""Keeps secrets out of texts: error messages and the HTTP library's own debug lines."""

import logging
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote_plus

HIDDEN = "***"
SHORTEST_SECRET = 4  # below this, hiding a value would blot out ordinary words
LONGEST_MESSAGE = 500

_NAMES = "access_token|fb_exchange_token|input_token|client_secret|appsecret_proof|revoke_token"
_SHAPES = (
    re.compile(rf"(?i)\b((?:{_NAMES})=)[^&\s\"'<>]+"),
    re.compile(rf"(?i)(\"(?:{_NAMES})\"\s*:\s*\")[^\"]+"),
    re.compile(r"(?i)(\bBearer\s+)\S+"),
    re.compile(r"(\b)(?:EAA|IGAA|IGQV)[\w.|~-]{6,}"),  # the prefixes of both token families
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that is, or looks like, a token or secret: one printable line of bounded length."""
    for form in _forms(secrets):
        text = text.replace(form, HIDDEN)
    for shape in _SHAPES:
        text = shape.sub(rf"\1{HIDDEN}", text)
    return "".join(sign if sign.isprintable() else " " for sign in text[:LONGEST_MESSAGE])


def hide(raw: bytes, secrets: Iterable[str]) -> bytes:
    """The bytes without these secrets, otherwise as they came."""
    for form in _forms(secrets):
        raw = raw.replace(form.encode("utf-8", "surrogatepass"), HIDDEN.encode())
    return raw


def _forms(secrets: Iterable[str]) -> Iterator[str]:
    """The ways in which a secret may be written: as it is, or as a URL has it."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            yield from (secret, quote_plus(secret))


class HideQueries(logging.Filter):
    """Cuts the query from every URL in a log line: the token endpoints demand their secrets there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the line's parts; never drops the line."""
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(part) for part in record.args)
        return True


def _without_query(part: object) -> object:
    return part.partition("?")[0] if isinstance(part, str) else part


def hide_queries() -> None:
    """Make urllib3's debug lines free of secrets. May be called any number of times."""
    logger = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(one, HideQueries) for one in logger.filters):
        logger.addFilter(HideQueries())
