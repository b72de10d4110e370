"""The rate-limit headers: how much of what the documented formulas allow was used."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from storykeep.sandbox import switches
from storykeep.sandbox.world.accounts import Account, World

_CALLS_PER_IMPRESSION = 4800
_CALLS_PER_USER = 200
_FIRST_BUSINESS = 645_000_000_000_000


class RollingCount:
    """Calls of the last hours, hour by hour."""

    def __init__(self, hours: int) -> None:
        self._hours = hours
        self._counts: deque[list[int]] = deque()
        self.total = 0

    def add(self, now: datetime) -> int:
        """Count one call and return the total; a clock that was set back begins anew."""
        hour = int(now.timestamp()) // 3600
        if self._counts and hour < self._counts[-1][0]:
            self._counts.clear()
            self.total = 0
        if not self._counts or self._counts[-1][0] != hour:
            self._counts.append([hour, 0])
            while self._counts[0][0] <= hour - self._hours:
                self.total -= self._counts.popleft()[1]
        self._counts[-1][1] += 1
        self.total += 1
        return self.total


class Usage:
    """The rate-limit headers, in whole percentages of what the documented formulas allow."""

    def __init__(self, world: World) -> None:
        self._app = RollingCount(hours=1)
        self._app_allowance = _CALLS_PER_USER * world.size
        self._pools: dict[int, RollingCount] = {}

    def pool_header(self, account: Account, now: datetime, blocked_minutes: int | None = None) -> tuple[str, str]:
        """Count a read of an account's Instagram data against its own pool, told under its business and its own id.

        Args:
            blocked_minutes: the wait that a refused call names; None for a call that was answered.
        """
        count = self._pools.setdefault(account.number, RollingCount(hours=24))
        allowance = _CALLS_PER_IMPRESSION * max(switches.LEAST_IMPRESSIONS, int(account.audience))
        used = count.add(now) * 100 // max(allowance, 1)
        percent, minutes = (used, 0) if blocked_minutes is None else (100, blocked_minutes)
        pool = f'[{{"type":"instagram",{_shares(percent)},"estimated_time_to_regain_access":{minutes}}}]'
        business_id = _FIRST_BUSINESS + account.number
        return "X-Business-Use-Case-Usage", f'{{"{business_id}":{pool},"{account.ig_user_id}":{pool}}}'

    def app_header(self, now: datetime, *, counts: bool, blocked: bool = False) -> tuple[str, str]:
        """The app's own pool, which platform calls count against."""
        used = self._app.add(now) if counts else self._app.total
        percent = 100 if blocked else used * 100 // self._app_allowance
        return "X-App-Usage", f"{{{_shares(percent)}}}"


def _shares(percent: int) -> str:
    """The members that both headers have."""
    return f'"call_count":{percent},"total_cputime":{percent // 3},"total_time":{percent // 2}'
