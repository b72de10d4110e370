"""Faults on demand: which calls go wrong, and how."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError
from storykeep.sandbox import errors
from storykeep.sandbox.calls import Reply
from storykeep.sandbox.errors import ApiError
from storykeep.sandbox.routes import ROUTES
from storykeep.sandbox.world.accounts import Flavour

_WHERE = "/_sandbox/faults"
_HTML = (
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>"
)
_GARBAGE = '{"data":[{"id":"1800\x00'
_CODE = re.compile(r"error_(\d{1,9})(?:_(\d{1,9}))?")
_NO_TIME = datetime.fromtimestamp(0, UTC)
_JUST_EXPIRED = timedelta(hours=1)
_KINDS = ("http_500", "html_503", "cut", "garbage", "empty", "lost", "slow", "throttle", "app_throttle", "body")


_ENDPOINTS = tuple(sorted({route.name for route in ROUTES} | {"batch", "cdn", "ids", "unknown"}))
_WITHOUT_BODY = (204, 304)


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) and (value in _KINDS or _CODE.fullmatch(value) is not None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value == value.encode(errors="replace").decode()


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


Check = tuple[Callable[[Any], bool], str]
_TIME: Check = (lambda value: value is None or isinstance(value, str), "use a time such as 2026-11-05T20:00:00Z")
_TEXT: Check = (lambda value: value is None or _is_text(value), "use a text")
# what each part of a rule may be, and what to say otherwise
_CHECKS: Mapping[str, Check] = {
    "kind": (_is_kind, f"use one of {', '.join(_KINDS)}, or error_<code> or error_<code>_<subcode>"),
    "ig_user_id": _TEXT,
    "endpoint": (lambda value: value is None or value in _ENDPOINTS, f"use one of {', '.join(_ENDPOINTS)}"),
    "rate": (lambda value: _is_number(value, 1), "use a number from 0 to 1"),
    "times": (lambda value: value is None or _is_whole(value, 0, 10**9), "use a whole number from 0"),
    "since": _TIME,
    "until": _TIME,
    "seconds": (lambda value: _is_number(value, 3600), "use a number from 0 to 3600"),
    "minutes": (lambda value: _is_whole(value, 0, 10**6), "use a whole number from 0 to 1000000"),
    "status": (
        lambda value: value is None or (_is_whole(value, 200, 599) and value not in _WITHOUT_BODY),
        "use an HTTP status from 200 to 599 that has a body",
    ),
    "message": _TEXT,
    "body": (_is_text, "use a text"),
    "content_type": (
        lambda value: isinstance(value, str) and value.isascii() and value.isprintable(),
        "use a text of printable ASCII",
    ),
}


@dataclass(frozen=True)
class Fault:
    """One rule.

    Args:
        kind: one of the kinds, or error_<code> or error_<code>_<subcode>; `body` replies with the text given.
        ig_user_id: only calls for this account, None for all.
        endpoint: only calls of this endpoint, as the log names it, None for all.
        rate: the share of the calls that go wrong.
        times: how often it strikes at most, None for no limit.
        since, until: the virtual times between which it strikes, None for always.
        seconds: how long a slow reply is held back.
        minutes: the wait that the header of a throttled account names.
        status: HTTP status of an error or a body; None for the usual one.
        message: the words of an error, None for the usual ones.
        body, content_type: what the kind `body` replies.
    """

    kind: str
    ig_user_id: str | None = None
    endpoint: str | None = None
    rate: float = 1.0
    times: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    seconds: float = 1.0
    minutes: int = 5
    status: int | None = None
    message: str | None = None
    body: str = ""
    content_type: str = "application/json; charset=UTF-8"

    @classmethod
    def read(cls, item: Any) -> Fault:
        """Check one rule.

        Raises:
            StorykeepError: it is not a rule.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(item, dict) or not item.keys() <= names or "kind" not in item:
            raise StorykeepError(f"not a fault: {item!r}", where=_WHERE, remedy=f"use {sorted(names)}")
        for name, value in item.items():
            fits, remedy = _CHECKS[name]
            if not fits(value):
                raise StorykeepError(f"{name} cannot be {value!r}", where=_WHERE, remedy=remedy)
        times = {
            name: parse_time(item[name], where=_WHERE) for name in ("since", "until") if item.get(name) is not None
        }
        return cls(**{**item, **times})

    def fits(self, endpoint: str, ig_user_id: str | None, now: datetime) -> bool:
        """Whether a call is in its scope."""
        in_time = (self.since is None or self.since <= now) and (self.until is None or now < self.until)
        return in_time and self.endpoint in (None, endpoint) and self.ig_user_id in (None, ig_user_id)


class Faults:
    """The rules in force; which calls they strike depends on the seed and on the calls alone, not on the time."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.replace([])

    def replace(self, faults: list[Fault]) -> None:
        """Put other rules in force."""
        self._faults = tuple(faults)
        self._calls: Counter[tuple[int, str, str | None]] = Counter()
        self._struck: Counter[int] = Counter()

    def strike(self, endpoint: str, ig_user_id: str | None, now: datetime) -> Fault | None:
        """The fault that befalls this call."""
        for place, fault in enumerate(self._faults):
            if fault.fits(endpoint, ig_user_id, now) and self._hits(place, fault, endpoint, ig_user_id):
                self._struck[place] += 1
                return fault
        return None

    def _hits(self, place: int, fault: Fault, endpoint: str, ig_user_id: str | None) -> bool:
        if fault.times is not None and self._struck[place] >= fault.times:
            return False
        key = (place, endpoint, ig_user_id)
        self._calls[key] += 1
        chance = hashlib.blake2b(f"{self._seed}:{key}:{self._calls[key]}".encode(), digest_size=4).digest()
        return int.from_bytes(chance, "big") < fault.rate * 2**32

    def report(self) -> list[Mapping[str, Any]]:
        """The rules, and how often each has struck."""
        rows: list[Mapping[str, Any]] = []
        for place, fault in enumerate(self._faults):
            given = {name: str(value) if isinstance(value, datetime) else value for name, value in vars(fault).items()}
            rows.append({**given, "struck": self._struck[place]})
        return rows


@dataclass(frozen=True, slots=True)
class Struck:
    """What the words of an error tell of the call that is struck: its host, the object it names, the virtual time."""

    host: Flavour = "facebook"
    node: str = ""
    now: datetime = _NO_TIME


def spoil(fault: Fault, struck: Struck = Struck()) -> Reply | None:
    """The reply of a fault that hides the answer; None for `cut` and `slow`, which need the answer.

    Raises:
        ApiError: the fault is an error of the API.
    """
    code = _CODE.fullmatch(fault.kind)
    if code:
        raise _error(int(code[1]), int(code[2]) if code[2] else None, fault, struck)
    if fault.kind == "body":
        return Reply(fault.status or 200, fault.body, fault.content_type)
    if fault.kind == "http_500":
        raise errors.service_unavailable()
    if fault.kind == "throttle":
        raise errors.throttled(fault.minutes)
    if fault.kind == "app_throttle":
        raise errors.app_throttled()
    if fault.kind == "html_503":
        return Reply(503, _HTML, "text/html; charset=utf-8")
    if fault.kind == "garbage":
        return Reply(200, _GARBAGE)
    if fault.kind == "empty":
        return Reply(200, '{"data":[]}')
    if fault.kind == "lost":
        return Reply(200, "", lost=True)
    return None


Make = Callable[[Fault, Struck], ApiError]

# Errors that nothing in this world leads to.
_UNCAUSED: Mapping[tuple[int, int | None], tuple[int, str]] = {
    (1, None): (500, "An unknown error has occurred."),
    (1, 99): (500, "Please reduce the amount of data you're asking for, then retry your request"),
    (3, None): (400, "(#3) Application does not have the capability to make this API call."),
    (17, None): (400, "(#17) User request limit reached"),
    (32, None): (403, "(#32) Page request limit reached"),
    (102, None): (400, "Session key invalid or no longer valid"),
    (341, None): (400, "(#341) Application limit reached"),
    (368, None): (400, "(#368) The action attempted has been deemed abusive or is otherwise disallowed"),
    (613, None): (400, "(#613) Calls to this api have exceeded the rate limit."),
    (80001, None): (
        400,
        "(#80001) There have been too many calls to this Page account. Wait a bit and try again. For more info, please "
        "refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting.",
    ),
}


def _ended(event: str) -> Make:
    return lambda fault, struck: errors.token_ended(event)


_KNOWN: Mapping[tuple[int, int | None], Make] = {
    (2, None): lambda fault, struck: errors.service_unavailable(),
    (4, None): lambda fault, struck: errors.app_throttled(),
    (10, None): lambda fault, struck: errors.no_permission(),
    (24, 2207006): lambda fault, struck: errors.media_not_found(),
    (100, None): lambda fault, struck: errors.bad_parameter("Invalid parameter"),
    (100, 33): lambda fault, struck: errors.no_such_object(struck.node),
    (100, 2108006): lambda fault, struck: errors.media_before_conversion(),
    (100, 2207086): lambda fault, struck: errors.not_shared_to_facebook(),
    (104, None): lambda fault, struck: errors.no_token(),
    (190, None): lambda fault, struck: errors.token_malformed(struck.host),
    (190, 463): lambda fault, struck: errors.token_expired(struck.now - _JUST_EXPIRED, struck.now),
    **{(190, subcode): _ended(event) for event, (subcode, _) in errors.ENDS.items()},
    (200, None): lambda fault, struck: errors.no_total_views(),
    (210, None): lambda fault, struck: errors.needs_page_token(),
    (803, None): lambda fault, struck: errors.unknown_alias(struck.node),
    (2500, None): lambda fault, struck: errors.unknown_path(struck.node),
    (80002, None): lambda fault, struck: errors.throttled(fault.minutes),
}


def _error(code: int, subcode: int | None, fault: Fault, struck: Struck) -> ApiError:
    """The genuine error of a code where there is one, with the rule's own words and status if it has them."""
    if (code, subcode) in _KNOWN:
        error = _KNOWN[code, subcode](fault, struck)
    else:
        status, words = _UNCAUSED.get((code, subcode), (400, f"(#{code}) An error was asked for"))
        error = ApiError(status, code, words, subcode=subcode, transient=True if code == 1 else None)
    error.code = code  # which a switch may have changed
    error.status, error.message = fault.status or error.status, fault.message or error.message
    return error


def mar(reply: Reply, fault: Fault | None) -> None:
    """Do to a whole reply what a fault does that needs one."""
    if fault is not None and fault.kind == "cut":
        reply.cut = True
    if fault is not None and fault.kind == "slow":
        reply.delay = max(reply.delay, fault.seconds)
