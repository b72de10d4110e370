"""A hundred days and more of connections: the watch runs, capture reads now and then, creators come and go."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from stage import START, Account, connected_accounts, ingest, settings_of, take_in

from soaking.crew import HASTE
from soaking.fates import Blow, Fates, fates
from soaking.lifetime_checks import Chronicle, Probe, checks
from soaking.schedule import DAY, MINUTE, Told
from soaking.schedule import Account as Befallen
from soaking.signins import connect_again
from soaking.soak import KEPT_APART, Outcome, Step
from soaking.spills import in_files, in_tables
from storykeep.accounts.alerts import Alert, TokensInTroubleError
from storykeep.accounts.connections import Held, held
from storykeep.accounts.states import CAPTURED, FINAL
from storykeep.accounts.vault import Vault
from storykeep.accounts.watch import watch_tokens
from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph import retry
from storykeep.graph.client import open_clients
from storykeep.local.stack import LocalStack
from storykeep.local.virtual_clock import VirtualClock
from storykeep.migrations.upgrade import upgrade
from storykeep.settings import PostgresSettings, Settings
from storykeep.warehouse import connect

# Capture comes between two runs of the watch.
CAPTURE_AFTER = 10 * MINUTE


@dataclass(frozen=True)
class Span:
    """How much is lived through, how often the watch looks, and how often capture reads what there is."""

    accounts: int
    days: int
    seed: int
    watch_every: timedelta
    capture_every: timedelta

    @property
    def runs(self) -> list[datetime]:
        """When the watch runs."""
        return [START + number * self.watch_every for number in range(self.days * DAY // self.watch_every + 1)]


def live(span: Span, stack: LocalStack, step: Step) -> Outcome:
    """Let the days pass in a stack that has a Postgres and nothing else, then check what became of the connections.

    `told` of the outcome has the notifications by subject and step.
    """
    stack.start_sandbox(accounts=span.accounts, seed=span.seed, start=START, history_days=0)
    upgrade(stack.settings)
    settings = settings_of(stack)
    accounts = {row["ig_user_id"]: row for row in connected_accounts(stack)}
    plan = fates(span.seed, span.runs, [Befallen(who, row["login_flavour"]) for who, row in accounts.items()])
    with (
        ingest(settings) as reader,
        connect(settings.warehouse, "storykeep_ingest") as watcher,
        _logged(stack.folder / "lifetimes.log"),
        # It is the virtual clock that counts, and it stands still meanwhile.
        patch.object(retry, "FIRST_WAIT", retry.FIRST_WAIT / HASTE),
        step(f"{span.days} days of {len(accounts)} connections") as say,
    ):
        for conn in (reader, watcher):
            conn.execute("set synchronous_commit to off")
        take_in(reader, settings, list(accounts.values()), START)
        lives = Lives(span, stack, settings, watcher, reader, plan, accounts)
        lives.pass_through(say)
        found = checks(lives.chronicle, reader, plan)
    with step("tokens where none may be"), connect(_owner(stack, settings)) as owner:
        found += [in_tables(owner, settings), in_files([stack.folder], settings, but=KEPT_APART)]
    return Outcome(_told(lives.chronicle), found)


@dataclass
class Lives:
    """One passage through `plan`. The watch has a connection as its DAG has, capture one in autocommit mode."""

    span: Span
    stack: LocalStack
    settings: Settings
    watcher: psycopg.Connection
    reader: psycopg.Connection
    plan: Fates
    accounts: Mapping[str, Account]
    chronicle: Chronicle = field(default_factory=Chronicle)
    _sign_ins: dict[str, datetime] = field(default_factory=dict)
    _refused: dict[str, tuple[Told, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._blows: deque[Blow] = deque(self.plan.blows)
        self._clock = VirtualClock(f"{self.stack.control_url}/clock")
        self._vault = Vault(self.settings.token_keys)
        self._faults: Sequence[Told] = ()

    def pass_through(self, say: Callable[[str], None]) -> None:
        """Let all of it happen; `say` hears how far it is."""
        runs = self.span.runs
        begun, captured = time.monotonic(), runs[0]
        for number, at in enumerate(runs):
            self._clock.set(at)
            self._befall(at)
            self._sign_in(at)
            self._put(self.plan.troubles.get(at, ()))
            self._look(at, self._watch)
            self._put(())
            if at - captured >= self.span.capture_every or number == 0:
                captured = at
                self._clock.set(at + CAPTURE_AFTER)
                self._look(at + CAPTURE_AFTER, self._capture)
            say(f"{at:%d %b %H:%M}, {number / len(runs):.0%}, {time.monotonic() - begun:.0f} s")
        self.chronicle.at_the_end = [self._probe(one) for one in held(self.reader)]

    def _befall(self, at: datetime) -> None:
        while self._blows and self._blows[0].at <= at:
            blow = self._blows.popleft()
            self.stack.tell_sandbox("grants", {"ig_user_id": blow.ig_user_id, **blow.grant})
            self._refused[blow.ig_user_id] = blow.faults
            self.chronicle.blows.append((at, blow, self._standing()[blow.ig_user_id]))

    def _sign_in(self, at: datetime) -> None:
        """Let those sign in again whose time has come; while the API is in trouble they come back later."""
        if at in self.plan.troubles:
            return
        for who in [who for who, due in self._sign_ins.items() if due <= at]:
            self._put((), renewals=True)
            connect_again(self.reader, self.settings, self.stack, self.accounts[who], at)
            del self._sign_ins[who]
            self._refused.pop(who, None)
            self.chronicle.sign_ins.append((at, who))

    def _look(self, at: datetime, work: Callable[[datetime], None]) -> None:
        """Do one run, and keep what it asked, what it told, and who stands otherwise after it."""
        before = self._standing()
        self.stack.tell_sandbox("journal")
        work(at)
        self.chronicle.take_calls(at, self.stack.ask_sandbox("journal").json()["calls"], before)
        for who, after in self._standing().items():
            if before[who].state in CAPTURED and after.state not in CAPTURED:
                self._put(())
                self.chronicle.deaths.append((at, before[who], self._probe(after)))

    def _watch(self, at: datetime) -> None:
        alerts: tuple[Alert, ...] = ()
        try:
            watch_tokens(self.watcher, self.settings, fixed_clock(at))
        except TokensInTroubleError as error:
            alerts = error.alerts
        except StorykeepError as error:
            self.chronicle.failures.append((at, str(error)))
        self.watcher.commit()
        standing = {one.account_id: one for one in held(self.reader)}
        self.chronicle.watches.append((at, alerts, standing))
        for alert in alerts:
            self._hear(standing[alert.account_id].ig_user_id, alert, at)

    def _hear(self, who: str, alert: Alert, at: datetime) -> None:
        habit = self.plan.habits.get(who)
        if habit and (habit.heeds == "warning" or (habit.heeds == "end" and alert.subject == "status")):
            self._sign_ins.setdefault(who, at + habit.after)

    def _capture(self, at: datetime) -> None:
        capture(self.reader, self.settings, open_clients(self.settings), fixed_clock(at), f"lifetimes-{at:%Y-%m-%d}")
        self.chronicle.captures.append(at)

    def _put(self, troubles: Sequence[Told], *, renewals: bool = False) -> None:
        """Let the sandbox refuse what it is to refuse now; with `renewals` nobody's is stuck."""
        stuck = () if renewals else tuple(self.plan.stuck.values())
        faults = (*(fault for one in self._refused.values() for fault in one), *stuck, *troubles)
        if faults != self._faults:
            self.stack.tell_sandbox("faults", list(faults))
            self._faults = faults

    def _standing(self) -> dict[str, Held]:
        return {one.ig_user_id: one for one in held(self.reader)}

    def _probe(self, one: Held) -> Probe:
        """What the API itself says of a connection's token, asked past all of our code."""
        token = self._vault.unlock(one.token_encrypted or b"")
        return Probe.ask(self.settings.graph(one.login_flavour), one, token)


def _told(chronicle: Chronicle) -> dict[str, Any]:
    steps = Counter((alert.subject, alert.step) for _, alerts, _ in chronicle.watches for alert in alerts)
    return {
        "runs of the watch": len(chronicle.watches),
        "captures": len(chronicle.captures),
        "calls": chronicle.calls,
        "sign-ins": len(chronicle.sign_ins),
        "blows": len(chronicle.blows),
        "deaths": len(chronicle.deaths),
        "ended at the end": sum(probe.held.state in FINAL for probe in chronicle.at_the_end),
        "notifications": [[*key, count] for key, count in sorted(steps.items())],
    }


def _owner(stack: LocalStack, settings: Settings) -> PostgresSettings:
    return replace(stack.postgres.superuser, database=settings.warehouse.database)


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """Everything that is logged meanwhile goes to this file, where no token may be found either."""
    root, handler = logging.getLogger(), logging.FileHandler(file)
    level, handlers = root.level, root.handlers[:]
    root.setLevel(logging.INFO)
    root.handlers[:] = [handler]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        handler.close()
