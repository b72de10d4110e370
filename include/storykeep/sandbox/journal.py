"""Each call with what became of it, where the log only counts: kept from when it is asked for, as it grows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storykeep.sandbox.calls import Call, Reply, read_json
from storykeep.sandbox.errors import ApiError
from storykeep.sandbox.faults import Fault

ANSWERED = "answered"


@dataclass(slots=True)
class Entry:
    """One call.

    `outcome` is `answered` when the true answer went out whole, else the kind of the fault, or `error_<code>` of an
    error that was genuine. `wait_minutes` is what a throttled call was told. `shown` holds a list's ids.
    """

    at: datetime
    endpoint: str
    ig_user_id: str | None
    object_id: str
    asked: str
    outcome: str
    wait_minutes: int
    shown: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """As the controls show it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {**fields, "at": self.at.isoformat().replace("+00:00", "Z")}


class Journal:
    """The calls since it was begun; nothing is kept before."""

    def __init__(self) -> None:
        self.is_kept = False
        self._entries: list[Entry] = []
        self._open = 0

    def begin(self) -> None:
        """Keep what comes from now on, and forget what was before."""
        self.is_kept = True
        self._entries = []
        self._open = 0

    def end(self) -> None:
        """Forget, and keep no more."""
        self.begin()
        self.is_kept = False

    def note(
        self,
        call: Call,
        endpoint: str,
        ig_user_id: str | None,
        now: datetime,
        reply: Reply,
        fault: Fault | None,
        error: ApiError | None,
    ) -> None:
        """Keep one call, or one item of a batch, whose reply is not sent yet."""
        if not self.is_kept:
            return
        outcome = _outcome(reply, fault, error)
        self._entries.append(
            Entry(
                at=now,
                endpoint=endpoint,
                ig_user_id=ig_user_id,
                object_id=call.segments[0] if call.segments else "",
                asked=_asked(call),
                outcome=outcome,
                wait_minutes=error.retry_minutes if error else 0,
                shown=_ids(reply) if endpoint == "stories" and outcome == ANSWERED else (),
            )
        )

    def sent(self, reply: Reply) -> None:
        """What was noted since the last request goes out in this reply; nobody gets what is in a broken one."""
        if reply.cut or reply.lost:
            for entry in self._entries[self._open :]:
                entry.outcome = "cut" if entry.outcome == ANSWERED else entry.outcome
        self._open = len(self._entries)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every entry, oldest first."""
        return (entry.row() for entry in self._entries)


def _outcome(reply: Reply, fault: Fault | None, error: ApiError | None) -> str:
    if fault is not None and fault.kind != "slow":
        return fault.kind
    if error is not None:
        return f"error_{error.code}"
    return "cut" if reply.cut or reply.lost else ANSWERED


def _asked(call: Call) -> str:
    """What of the object was asked for: metrics with their breakdown, or the page of a list."""
    return "/".join(call.params[name] for name in ("metric", "breakdown", "after") if name in call.params)


def _ids(reply: Reply) -> tuple[str, ...]:
    return tuple(str(node["id"]) for node in read_json(reply.body).get("data", ()) if "id" in node)
