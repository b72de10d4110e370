"""Whether a throttled pool was left alone for as long as its account, or its app, had been told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from soaking.schedule import APP_REST
from storykeep.clock import parse_time

Call = Mapping[str, Any]


class Blocked:
    """Reads the journal in its order. `flavours` are by IG user id; `too_early` names the calls that broke a block.

    A call at the very moment at which the block was told may have been under way.
    """

    def __init__(self, flavours: Mapping[str, str]) -> None:
        self._flavours = flavours
        self._blocks: dict[str, tuple[datetime, datetime]] = {}
        self.too_early: list[str] = []

    def look(self, call: Call, *, is_heard: bool) -> None:
        """See one call for an account, and what its answer forbids if anybody lived to hear it."""
        at, ig_user_id = parse_time(call["at"]), call["ig_user_id"]
        app = f"app:{self._flavours[ig_user_id]}"
        for pool in (ig_user_id, app):
            since, until = self._blocks.get(pool, (at, at))
            if since < at < until:
                self.too_early.append(f"{call['endpoint']} of {ig_user_id} at {at:%d %b %H:%M}, {pool} is blocked")
        if is_heard and call["outcome"] == "throttle":
            self._blocks[ig_user_id] = (at, at + timedelta(minutes=call["wait_minutes"]))
        if is_heard and call["outcome"] == "app_throttle":
            self._blocks[app] = (at, at + APP_REST)
