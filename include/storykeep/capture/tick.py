"""One tick under way: who may be asked, and what an answer means for its account and its rate-limit pool."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from storykeep.accounts import registry
from storykeep.accounts.registry import Connection
from storykeep.capture import clocks
from storykeep.capture.causes import cause_of
from storykeep.clock import Clock
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.graph.errors import (
    GraphError,
    PermissionMissingError,
    ReconnectError,
    ThrottledError,
    UnreadableError,
)
from storykeep.landing import payload
from storykeep.landing.rows import DeadLetter
from storykeep.landing.runs import Run
from storykeep.settings import Flavour

log = logging.getLogger(__name__)

# What one call to the Batch API takes.
CHUNK = 50
# How long a throttled pool rests when the reply does not say. Calls made meanwhile would lengthen the block.
REST = timedelta(minutes=15)


@dataclass(frozen=True)
class AskKey:
    """What an ask is about: an account, and for a reading its story and metric group."""

    account_id: str
    story_id: str = ""
    group: str = ""


def key_of(ask: Ask) -> AskKey:
    """What this ask is about. Raises TypeError for an ask that is not one of a tick's own."""
    if not isinstance(ask.key, AskKey):
        raise TypeError(f"not an ask of a tick: {ask.key!r}")
    return ask.key


@dataclass
class Tick:
    """What one tick works with; `connections` by account id, `blocked` the pools that must not be called.

    `lost` are the accounts whose connection ended during this tick, `listed` those whose listing was tried.
    """

    conn: psycopg.Connection
    clients: Mapping[Flavour, GraphClient]
    clock: Clock
    run: Run
    connections: Mapping[str, Connection]
    blocked: set[str]
    lost: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        """The time at which the tick started: what is due is due at this time."""
        return self.run.clock_at

    def can_ask(self, account_id: str) -> bool:
        """Whether the account is connected, not lost during this tick, and no pool of its is blocked."""
        connection = self.connections.get(account_id)
        if connection is None or account_id in self.lost:
            return False
        return not self.blocked & {connection.ig_user_id, app_pool(connection.login_flavour)}

    def answers(self, groups: Iterable[Sequence[Ask]]) -> Iterator[list[Answer]]:
        """Send groups of one account's asks in chunks, each of one flavour, and yield the answers chunk by chunk.

        A group is never cut. Whether an account may be asked is looked at again right before each chunk, and the next
        chunk is not sent before the caller has dealt with this one.
        """
        by_flavour: dict[Flavour, list[Sequence[Ask]]] = defaultdict(list)
        for group in groups:
            by_flavour[self.connections[key_of(group[0]).account_id].login_flavour].append(group)
        for flavour, mine in by_flavour.items():
            for chunk in _packed(mine):
                self.blocked |= clocks.blocked_pools(self.conn, self.clock())
                askable = [ask for ask in chunk if self.can_ask(key_of(ask).account_id)]
                for answers in self.clients[flavour].answer(askable):
                    self.run.counts["calls"] += len(answers)
                    yield answers

    def settle(self, ask: Ask, error: GraphError) -> None:
        """Note an error under its cause and do what it demands. Belongs in the transaction of the chunk's rows."""
        account_id = key_of(ask).account_id
        if account_id in self.lost:
            return
        connection = self.connections[account_id]
        cause = cause_of(error)
        if connection.username not in self.run.causes[cause]:  # said once, however many replies say it
            log.warning("@%s: %s (%s)", connection.username, error, cause)
        self.run.causes[cause].add(connection.username)
        if isinstance(error, ThrottledError):
            pool = app_pool(connection.login_flavour) if error.scope == "app" else connection.ig_user_id
            self.blocked.add(pool)
            clocks.block_pool(self.conn, pool, self.clock() + (error.wait or REST), self.clock())
        if isinstance(error, ReconnectError | PermissionMissingError):
            ended = registry.react(self.conn, account_id, error, self.clock(), used=connection.token_encrypted)
            if ended or isinstance(error, ReconnectError):
                self.lost.add(account_id)

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


def _packed(groups: Iterable[Sequence[Ask]]) -> Iterator[list[Ask]]:
    """Whole groups together, up to CHUNK asks."""
    chunk: list[Ask] = []
    for group in groups:
        if chunk and len(chunk) + len(group) > CHUNK:
            yield chunk
            chunk = []
        chunk = [*chunk, *group]
    if chunk:
        yield chunk


def app_pool(flavour: Flavour) -> str:
    """The name of the pool that all calls of one app share."""
    return f"app:{flavour}"
