"""Lets the span pass: tick by tick at virtual times, through the schedule of trouble, with builds on the way."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from stage import Account

from soaking.crew import Crew
from soaking.schedule import TICK, Schedule
from soaking.served import Served
from soaking.signins import connect_again
from storykeep.accounts.registry import account_id_of, shard_of
from storykeep.local.stack import LocalStack
from storykeep.local.virtual_clock import VirtualClock
from storykeep.settings import Settings
from storykeep.transform.build import build_marts

JOURNAL_TICKS = 12


@dataclass
class Drive:
    """One passage through `schedule` from `start` to `end`, with a build every `build_every` and one at the end.

    `accounts` are those that can be captured, as in accounts.csv, by IG user id; `conn` registers who connects again.
    """

    stack: LocalStack
    settings: Settings
    conn: psycopg.Connection
    crew: Crew
    served: Served
    schedule: Schedule
    accounts: Mapping[str, Account]
    start: datetime
    end: datetime
    build_every: timedelta
    builds: int = 0
    sign_ins: int = 0
    _faults: list[Mapping[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._moments = deque(self.schedule.moments())

    def run(self, say: Callable[[str], None]) -> None:
        """Pass through all of it; `say` hears how far it is."""
        begun = time.monotonic()
        clock = VirtualClock(f"{self.stack.control_url}/clock")
        self.stack.tell_sandbox("journal")
        for number, at in enumerate(_times(self.start, self.end)):
            clock.set(at)
            if not self.schedule.is_out(at):
                self._befall(at)
                self._tick(at)
            if number % JOURNAL_TICKS == 0:
                self._read_journal()
                say(_progress(at, (at - self.start) / (self.end - self.start), time.monotonic() - begun))
            if at == self.end or (at > self.start and (at - self.start) % self.build_every == timedelta(0)):
                build_marts(self.settings, at)
                self.builds += 1
        self._read_journal()
        self.stack.tell_sandbox("faults", method="DELETE")

    def _befall(self, at: datetime) -> None:
        """Put the trouble of this moment in force, and let those sign in again who do so now."""
        faults = self.schedule.faults(at)
        if faults != self._faults:
            self.stack.tell_sandbox("faults", faults)
            self._faults = faults
        while self._moments and self._moments[0].at <= at:
            moment = self._moments.popleft()
            if moment.loses is not None:
                self.stack.tell_sandbox("grants", {"ig_user_id": moment.ig_user_id, **moment.loses})
            else:
                connect_again(self.conn, self.settings, self.stack, self.accounts[moment.ig_user_id], at)
                self.sign_ins += 1

    def _tick(self, at: datetime) -> None:
        kill = self.schedule.kills.get(at)
        if kill is not None:
            self._read_journal()
            has_died = self.crew.killed(at, kill)
            shard = [who for who in self.accounts if shard_of(account_id_of(who), self.settings.shards) == kill.shard]
            self._read_journal(frozenset(shard if has_died else ()))
            if has_died and not kill.again:
                self.crew.tick(at, without=kill.shard)
                return
        self.crew.tick(at, twice=self.schedule.twice.get(at))

    def _read_journal(self, killed: frozenset[str] = frozenset()) -> None:
        calls = self.stack.ask_sandbox("journal").json()["calls"]
        self.stack.tell_sandbox("journal")
        self.served.take(calls, killed)


def _times(start: datetime, end: datetime) -> list[datetime]:
    return [start + tick * TICK for tick in range((end - start) // TICK + 1)]


def _progress(at: datetime, share: float, seconds: float) -> str:
    left = f", {seconds / share * (1 - share) / 60:.0f} min left" if share > 0 else ""
    return f"{at:%d %b %H:%M}, {share:.0%}{left}"
