"""Faults on demand: which calls go wrong, and how."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError
from storykeep.sandbox.calls import Reply
from storykeep.sandbox.errors import ApiError, app_throttled, service_unavailable, throttled

_WHERE = "/_sandbox/faults"
_HTML = (
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>"
)
_GARBAGE = '{"data":[{"id":"1800\x00'
_CODE = re.compile(r"error_(\d{1,9})(?:_(\d{1,9}))?")
_KINDS = ("http_500", "html_503", "cut", "garbage", "empty", "lost", "slow", "throttle", "app_throttle", "body")


@dataclass(frozen=True)
class Fault:
    """One rule.

    Args:
        kind: one of the kinds, or error_<code> or error_<code>_<subcode>; `body` replies with the text given.
        ig_user_id: only calls for this account, None for all.
        endpoint: only calls of this endpoint, None for all.
        rate: the share of the calls that go wrong.
        times: how often it strikes at most, None for no limit.
        since, until: the virtual times between which it strikes, None for always.
        seconds: how long a slow reply is held back.
        minutes: the wait that a throttled reply names.
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
        times = {name: parse_time(str(item[name]), where=_WHERE) for name in ("since", "until") if item.get(name)}
        fault = cls(**{**item, **times})
        if fault.kind not in _KINDS and not _CODE.fullmatch(str(fault.kind)):
            remedy = f"use one of {_KINDS} or error_<code>_<subcode>"
            raise StorykeepError(f"no such kind of fault: {fault.kind}", where=_WHERE, remedy=remedy)
        for name in ("rate", "times", "seconds", "minutes", "status"):
            value = getattr(fault, name)
            if value is not None and (not isinstance(value, int | float) or value < 0):
                raise StorykeepError(f"{name} cannot be {value!r}", where=_WHERE, remedy="use a number")
        for name in ("ig_user_id", "endpoint", "message", "body", "content_type"):
            text = getattr(fault, name)
            if text is not None and not isinstance(text, str):
                raise StorykeepError(f"{name} cannot be {text!r}", where=_WHERE, remedy="use a text")
        return fault

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


def spoil(fault: Fault) -> Reply | None:
    """The reply of a fault that hides the answer; None for `cut` and `slow`, which need the answer.

    Raises:
        ApiError: the fault is an error of the API.
    """
    code = _CODE.fullmatch(fault.kind)
    if code:
        raise _error(int(code[1]), int(code[2]) if code[2] else None, fault)
    if fault.kind == "body":
        return Reply(fault.status or 200, fault.body, fault.content_type)
    if fault.kind == "http_500":
        raise service_unavailable()
    if fault.kind == "throttle":
        raise throttled(fault.minutes)
    if fault.kind == "app_throttle":
        raise app_throttled(fault.minutes)
    if fault.kind == "html_503":
        return Reply(503, _HTML, "text/html; charset=utf-8")
    if fault.kind == "garbage":
        return Reply(200, _GARBAGE)
    if fault.kind == "empty":
        return Reply(200, '{"data":[]}')
    if fault.kind == "lost":
        return Reply(200, "", lost=True)
    return None


_WORDS = {
    (100, 33): "Unsupported get request. Object does not exist, cannot be loaded due to missing permissions, "
    "or does not support this operation.",
    (190, 458): "Error validating access token: The user has not authorized application.",
    (190, 459): "Error validating access token: The user is enrolled in a blocking, logged-in checkpoint.",
    (190, 460): "Error validating access token: The session has been invalidated because the user changed their "
    "password or Facebook has changed the session for security reasons.",
    (190, 463): "Error validating access token: Session has expired.",
    (190, 464): "Error validating access token: Sessions for the user are not allowed because the user is not a "
    "confirmed user.",
    (190, 467): "Error validating access token: This may be because the user logged out.",
    (190, 492): "Error validating access token: The user does not have a role on the Page any more.",
    (10, None): "(#10) Application does not have permission for this action",
    (1, None): "An unknown error has occurred.",
    (24, 2207006): "The requested resource does not exist",
    (100, 2108006): "Invalid parameter",
}


def _error(code: int, subcode: int | None, fault: Fault) -> ApiError:
    words = fault.message or _WORDS.get((code, subcode), f"(#{code}) An error was asked for")
    status, transient = (500, True) if code in (1, 2) else (400, None)
    return ApiError(fault.status or status, code, words, subcode=subcode, transient=transient)


def mar(reply: Reply, fault: Fault | None) -> None:
    """Do to a whole reply what a fault does that needs one."""
    if fault is not None and fault.kind == "cut":
        reply.cut = True
    if fault is not None and fault.kind == "slow":
        reply.delay = max(reply.delay, fault.seconds)
