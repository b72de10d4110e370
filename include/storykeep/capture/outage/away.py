"""A tick without the warehouse: it knows what the last one knew, and what it is told goes to the spool."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from storykeep.accounts.pools import Standing
from storykeep.accounts.registry import Connection
from storykeep.capture.asks import AskKey, key_of
from storykeep.capture.incidents import Watch, Weigh
from storykeep.capture.outage import spool
from storykeep.capture.outage.memory import Memory
from storykeep.capture.outage.relive import Past
from storykeep.capture.outage.spooled import Record, spooled
from storykeep.capture.planner import AccountClock, StoryClock
from storykeep.capture.tick import Chunk, Tick
from storykeep.clock import Clock, fixed_clock
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.graph.errors import GraphError, PermissionMissingError
from storykeep.graph.usage import Pool
from storykeep.landing.runs import Run
from storykeep.settings import Flavour

log = logging.getLogger(__name__)


@dataclass
class AwayTick(Tick):
    """A tick whose answers go to `place` and move the clocks of its memory; without a place they only do the latter.

    What is odd in an answer is judged when it is drained, as the warehouse is needed for it.
    """

    conn: psycopg.Connection = field(init=False, repr=False)  # there is none
    place: Path | None = None

    def land(
        self,
        answers: Sequence[Answer],
        gather: Callable[[], Chunk],
        commit: Callable[[Chunk], None],
        unlisted: Collection[str] = (),
    ) -> Chunk:
        """Spool a chunk, and take in what it says of the clocks."""
        with self.at_one_time() as at:
            if self.place is not None:
                spool.write(self.place, record_of(self, at, answers, unlisted))
                self.run.counts["spooled"] += len(answers)
            chunk = gather()
            self.keep_pools(answers)
            return chunk

    def account_clocks(self, account_ids: Collection[str]) -> list[AccountClock]:
        """The clocks of these accounts, as far as is known."""
        return self.memory.account_clocks(account_ids)

    def story_clocks(
        self, account_ids: Collection[str], now: datetime, *, ending_by: datetime | None = None
    ) -> list[StoryClock]:
        """The clocks of these accounts' stories that still run, as far as is known."""
        return self.memory.story_clocks(account_ids, now, ending_by=ending_by)

    def refused(self, story_ids: Collection[str]) -> dict[str, set[str]]:
        """What the API refused of each of these stories, as far as is known."""
        return {story_id: self.memory.refused[story_id] for story_id in story_ids if story_id in self.memory.refused}

    def disbelieved(self, answers: Sequence[Answer], watch: Watch, weigh: Weigh) -> frozenset[AskKey]:
        """Nothing: that is judged when the answers are drained."""
        return frozenset()

    def _standing(self, names: Collection[str]) -> Standing:
        return self.memory.standing(names, self.clock())

    def _ends(self, ask: Ask, error: GraphError) -> bool:
        """Whether the account is left alone until the warehouse is back, when its connection is judged."""
        return isinstance(error, PermissionMissingError) and not key_of(ask).story_id

    def _note_pools(self, usage: Mapping[str, Pool]) -> None:
        """The memory, which every tick keeps, is all there is."""


def away_tick(
    memory: Memory,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run: Run,
    connections: Mapping[str, Connection],
    place: Path,
    ends_at: datetime | None,
) -> AwayTick:
    """A tick that goes on from `memory`, and from what was spooled since."""
    catch_up(memory, connections, spool.records(place, since=memory.at))
    tick = AwayTick(
        clients=clients,
        clock=clock,
        run=run,
        connections=connections,
        ends_at=ends_at,
        lost=memory.lost,
        memory=memory,
        place=place,
    )
    tick.look(connections)
    return tick


def carried_on(tick: Tick, place: Path) -> AwayTick:
    """What becomes of a tick from which the warehouse went away; the chunk at hand is spooled first."""
    if tick.unlanded is not None:
        lost = tick.unlanded
        spool.write(place, record_of(tick, lost.at, lost.answers, lost.unlisted))
        tick.run.counts["spooled"] += len(lost.answers)
    tick.memory.lost |= tick.lost
    tick.memory.at = None  # what is in the spool was to be drained in this tick, whenever it came
    away = away_tick(tick.memory, tick.clients, tick.clock, tick.run, tick.connections, place, tick.ends_at)
    away.standing.add(tick.standing)
    away.listed, away.left, away.metrics = tick.listed, tick.left, tick.metrics
    return away


def catch_up(memory: Memory, connections: Mapping[str, Connection], records: Iterable[Record]) -> None:
    """Bring the clocks forward by what is in the spool."""
    runs: dict[str, Past] = {}
    for record in records:
        if record.run_id not in runs:
            tick = AwayTick(
                clients={},
                clock=fixed_clock(record.at),
                run=Run(record.run_id, record.clock_at),
                connections=connections,
                lost=memory.lost,
                memory=memory,
            )
            runs[record.run_id] = Past(tick)
        try:
            runs[record.run_id].land(record)
        except ValueError as error:
            log.error("a record of %s in the spool makes no sense: %s", record.run_id, error)


def record_of(tick: Tick, at: datetime, answers: Sequence[Answer], unlisted: Collection[str]) -> Record:
    """What the spool keeps of a chunk that came at `at`."""
    accounts = sorted({key_of(answer.ask).account_id for answer in answers})
    return Record(
        run_id=tick.run.run_id,
        clock_at=tick.run.clock_at,
        at=at,
        answers=spooled(answers),
        unlisted=tuple(sorted(unlisted)),
        token_versions={account_id: tick.connections[account_id].token_version for account_id in accounts},
    )
