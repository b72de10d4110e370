"""One tick under way: who may be asked, and what an answer means for its account and its rate-limit pool."""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import psycopg

from storykeep.accounts import pools, registry
from storykeep.accounts.pools import Standing
from storykeep.accounts.registry import Connection
from storykeep.capture import clocks, incidents, known, refusals
from storykeep.capture.asks import AskKey, key_of
from storykeep.capture.causes import IncidentError, cause_of
from storykeep.capture.incidents import Watch, Weigh
from storykeep.capture.outage.memory import Memory
from storykeep.capture.planner import AccountClock, StoryClock
from storykeep.capture.refusals import Tally
from storykeep.capture.side_by_side import side_by_side
from storykeep.clock import Clock, fixed_clock
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    ThrottledError,
    UnreadableError,
)
from storykeep.graph.usage import Pool
from storykeep.landing import payload
from storykeep.landing.rows import DeadLetter
from storykeep.landing.runs import Run
from storykeep.settings import Flavour
from storykeep.warehouse import is_outage

log = logging.getLogger(__name__)

# What one call to the Batch API takes.
CHUNK = 50

Chunk = TypeVar("Chunk")


@dataclass(frozen=True)
class Unlanded:
    """A chunk that could not be committed, as the warehouse went away: answers, or accounts that were not listed."""

    at: datetime
    answers: Sequence[Answer]
    unlisted: Collection[str]


@dataclass
class Tick:
    """What one tick works with; `connections` by account id. Nothing is begun at `ends_at` or later.

    `standing` is how the pools stand. `lost` are the accounts whose connection ended during this tick, `listed` those
    whose listing was tried, `left` the listings and stories for which there was no time; `metrics` is what became of
    each metric. `rests` are pools that have just begun to rest, and until when. `memory` is what is needed to go on
    without the warehouse, and `unlanded` the chunk at which it went away.
    `ahead_by` is how far each host's clock was ahead of ours, chunk by chunk.
    """

    conn: psycopg.Connection
    clients: Mapping[Flavour, GraphClient]
    clock: Clock
    run: Run
    connections: Mapping[str, Connection]
    ends_at: datetime | None = None
    standing: Standing = field(default_factory=Standing)
    lost: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    left: set[AskKey] = field(default_factory=set)
    metrics: Tally = field(default_factory=Tally)
    rests: dict[str, datetime] = field(default_factory=dict)
    ahead_by: dict[Flavour, list[timedelta]] = field(default_factory=lambda: defaultdict(list))
    is_of_one: bool = False
    memory: Memory = field(default_factory=Memory)
    unlanded: Unlanded | None = None

    @property
    def now(self) -> datetime:
        """The time at which the tick started: what is due is due at this time."""
        return self.run.clock_at

    def can_ask(self, account_id: str) -> bool:
        """Whether the account is connected, not lost during this tick, and no pool of its is blocked."""
        if account_id not in self.connections or account_id in self.lost:
            return False
        return not self.standing.blocked & self.pools_of(account_id)

    def pools_of(self, account_id: str) -> frozenset[str]:
        """The names of the pools that this account's calls count against."""
        connection = self.connections[account_id]
        return pools.pools_of(connection.ig_user_id, connection.login_flavour)

    def look(self, account_ids: Iterable[str]) -> None:
        """Look at the pools of these accounts. What is blocked, reserved or paced stays so to the end of the tick."""
        names = {name for account_id in account_ids for name in self.pools_of(account_id)}
        self.standing.add(self._standing(names))

    def answers(
        self, groups: Iterable[Sequence[Ask]], more: deque[Sequence[Ask]], *, are_sweeps: bool = False
    ) -> Iterator[list[Answer]]:
        """Send groups of one account's asks in chunks, each of one flavour, and yield the answers chunk by chunk.

        A group is never cut. Whether an account may be asked is looked at again right before each chunk, and a
        flavour's next chunk is not sent before the caller has dealt with this one. The flavours do not wait for each
        other: a host that is slow holds up its own accounts only. Where a pool is reserved, only sweeps are sent.

        What the caller puts into `more` because of a chunk goes before what waits still: what was begun is ended first.
        What is left when the tick's time is up is noted and not sent.
        """
        lanes: dict[Flavour, deque[Sequence[Ask]]] = defaultdict(deque)
        for group in groups:
            lanes[self.connections[key_of(group[0]).account_id].login_flavour].append(group)
        if not lanes:
            return
        queue = deque((flavour, asks) for flavour in lanes if (asks := self._next(lanes[flavour], are_sweeps)))
        for (flavour, _), sent in side_by_side(self._send, queue, len(lanes)):
            for answers in sent.result():
                self.run.counts["calls"] += len(answers)
                yield answers
            lanes[flavour].extendleft(reversed(more))
            more.clear()
            if asks := self._next(lanes[flavour], are_sweeps):
                queue.append((flavour, asks))

    def _next(self, lane: deque[Sequence[Ask]], are_sweeps: bool) -> list[Ask]:
        """What of a flavour's next chunk may be asked now; empty after its last chunk, and when the time is up."""
        while lane and not self.is_over():
            chunk = _packed(lane)
            self.look({key_of(ask).account_id for ask in chunk} - self.lost)
            if askable := [ask for ask in chunk if self._may_send(ask, are_sweeps)]:
                return askable
        keys = (key_of(group[0]) for group in lane)
        self.left.update(AskKey(key.account_id, key.story_id) for key in keys)
        lane.clear()
        return []

    def is_over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.ends_at is not None and self.clock() >= self.ends_at

    def _may_send(self, ask: Ask, is_sweep: bool) -> bool:
        account_id = key_of(ask).account_id
        return self.can_ask(account_id) and (is_sweep or not self.standing.reserved & self.pools_of(account_id))

    def _send(self, chunk: tuple[Flavour, list[Ask]]) -> list[list[Answer]]:
        flavour, asks = chunk
        answered = list(self.clients[flavour].answer(asks))
        # The newest of the chunk, since the others were given a while ago.
        if times := [answer.api_time for answers in answered for answer in answers if answer.api_time]:
            self.ahead_by[flavour].append(max(times) - self.clock())
        return answered

    def land(
        self,
        answers: Sequence[Answer],
        gather: Callable[[], Chunk],
        commit: Callable[[Chunk], None],
        unlisted: Collection[str] = (),
    ) -> Chunk:
        """Land a chunk of answers, or that accounts were not listed, in one transaction.

        `gather` makes of it what `commit` writes. To both the clock stands still, so that the chunk has the same keys
        however often it is landed.
        """
        with self.at_one_time() as at:
            try:
                with self.conn.transaction():
                    chunk = gather()
                    commit(chunk)
                return chunk
            except psycopg.Error as error:
                if is_outage(error):
                    self.unlanded = Unlanded(at, answers, unlisted)
                raise

    @contextmanager
    def at_one_time(self) -> Iterator[datetime]:
        """Hold the clock."""
        clock, at = self.clock, self.clock()
        self.clock = fixed_clock(at)
        try:
            yield at
        finally:
            self.clock = clock

    def account_clocks(self, account_ids: Collection[str]) -> list[AccountClock]:
        """The clocks of these accounts."""
        return clocks.accounts(self.conn, account_ids, self.now)

    def story_clocks(
        self, account_ids: Collection[str], now: datetime, *, ending_by: datetime | None = None
    ) -> list[StoryClock]:
        """The clocks of these accounts' stories that still run; with `ending_by`, of those that end by then."""
        return clocks.stories(self.conn, account_ids, now, ending_by=ending_by)

    def refused(self, story_ids: Collection[str]) -> dict[str, set[str]]:
        """What the API refused of each of these stories."""
        return refusals.load(self.conn, story_ids)

    def settle(self, ask: Ask, error: GraphError) -> None:
        """Note an error under its cause and do what it demands. Belongs in the transaction of the chunk's rows."""
        account_id = key_of(ask).account_id
        if account_id in self.lost:
            return
        connection = self.connections[account_id]
        cause = cause_of(error)
        is_said = connection.username in self.run.causes[cause] or isinstance(error, IncidentError)
        if not is_said:  # said once, however many replies say it
            log.warning("@%s: %s (%s)", connection.username, error, cause)
        self.run.causes[cause].add(connection.username)
        if isinstance(error, ThrottledError):
            is_app = error.scope == "app"
            self._rest(pools.app_pool(connection.login_flavour) if is_app else connection.ig_user_id, error.wait)
        is_of_account = isinstance(error, ReconnectError | PermissionMissingError)
        if is_of_account or (isinstance(error, GoneError) and not key_of(ask).story_id):
            ended = self._ends(ask, error)
            if ended or isinstance(error, ReconnectError):
                self.lost.add(account_id)

    def disbelieved(self, answers: Sequence[Answer], watch: Watch, weigh: Weigh) -> frozenset[AskKey]:
        """The asks whose answers are part of an incident of the platform.

        One account alone cannot tell an incident from its own loss, so what contradicts the clocks is left to a tick
        of many to judge.
        """
        odd = {key_of(answer.ask).account_id for answer in incidents.suspects(answers)}
        evidence = weigh(answers, known.load(self.conn, odd, self.clock()) if odd else {})
        if not (watch.judge(evidence) or (self.is_of_one and evidence.contradicting)):
            return frozenset()
        found = incidents.disbelieved(answers, evidence)
        log.warning("the platform is in trouble: of %d answers %d are not believed", len(answers), len(found))
        return found

    def keep_pools(self, answers: Sequence[Answer]) -> None:
        """Keep what a chunk of one flavour told of its pools. Belongs in the chunk's transaction, after its rows.

        A full pool rests like a throttled one: the next call would be refused, and make the block longer.
        """
        if not answers:
            return
        flavour = self.connections[key_of(answers[0].ask).account_id].login_flavour
        usage = pools.told(answers, flavour)
        for name, pool in usage.items():
            if pool.is_full:
                self._rest(name, pool.wait)
        self._note_pools(usage)
        self.memory.note(usage, self.rests, self.clock())
        self.rests = {}

    def _standing(self, names: Collection[str]) -> Standing:
        """How these pools stand at this moment."""
        return pools.standing(self.conn, names, self.clock())

    def _ends(self, ask: Ask, error: GraphError) -> bool:
        """Whether an error ends the connection of the asker."""
        connection = self.connections[key_of(ask).account_id]
        used = connection.token_version
        return registry.react(self.conn, connection.account_id, error, self.clock(), used=used)

    def _note_pools(self, usage: Mapping[str, Pool]) -> None:
        pools.note(self.conn, usage, self.rests, self.clock())

    def _rest(self, pool: str, wait: timedelta | None) -> None:
        until = self.clock() + (wait or pools.REST)
        self.standing.blocked.add(pool)
        self.rests[pool] = max(until, self.rests.get(pool, until))

    def dead_letter(self, ask: Ask, endpoint: str, reason: str, body: bytes) -> DeadLetter:
        """A reply, or the part of one, that is kept as bytes, less its secrets, because it cannot land."""
        log.error(
            "@%s: a part of the %s reply went to raw.dead_letters: %s",
            self.connections[key_of(ask).account_id].username,
            endpoint,
            reason,
        )
        self.run.counts["dead_letters"] += 1
        kept = payload.scrub_bytes(body, [ask.token.get_secret_value()])
        return DeadLetter(
            account_id=key_of(ask).account_id,
            endpoint=endpoint,
            captured_at=self.clock(),
            run_id=self.run.run_id,
            reason=reason,
            body=kept,
            content_hash=payload.bytes_hash(kept),
        )

    def unreadable(self, answer: Answer, endpoint: str) -> list[DeadLetter]:
        """The dead letter of an answer that was no JSON of the expected shape; nothing for other errors."""
        if not isinstance(answer.error, UnreadableError) or not answer.raw:
            return []
        return [self.dead_letter(answer.ask, endpoint, str(answer.error), answer.raw)]


def _packed(lane: deque[Sequence[Ask]]) -> list[Ask]:
    """Takes the next groups, whole, up to CHUNK asks together."""
    chunk = [*lane.popleft()]
    while lane and len(chunk) + len(lane[0]) <= CHUNK:
        chunk += lane.popleft()
    return chunk
