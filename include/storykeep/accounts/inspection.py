"""Asks the API what it knows of the tokens of one login flavour, many at a time and within its rate limits."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from pydantic import SecretStr

from storykeep.accounts import pools
from storykeep.accounts.connections import Held
from storykeep.clock import Clock
from storykeep.graph import tokens
from storykeep.graph.batch import MAX_ITEMS
from storykeep.graph.client import Answer, GraphClient
from storykeep.graph.errors import GraphError, ThrottledError
from storykeep.graph.tokens import TokenFacts
from storykeep.settings import Flavour

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A connection with its token."""

    connection: Held
    token: SecretStr


@dataclass(frozen=True)
class Inspected:
    """What came of one inspection: facts, or the error for which there are none."""

    opened: Opened
    facts: TokenFacts | GraphError


def inspections(
    conn: psycopg.Connection, client: GraphClient, opened: Sequence[Opened], clock: Clock
) -> Iterator[Inspected]:
    """Inspect tokens of the client's flavour, up to 50 in a request; those whose rate-limit pool rests are left out.

    No request is sent before the caller has dealt with the results of the one before. Commits before each of them.
    """
    resting = 0
    for start in range(0, len(opened), MAX_ITEMS):
        askable = _askable(conn, opened[start : start + MAX_ITEMS], clock())
        resting += len(opened[start : start + MAX_ITEMS]) - len(askable)
        asks = [
            tokens.inspection(client.api, one.token, pool=one.connection.ig_user_id, key=one.connection.account_id)
            for one in askable
        ]
        asked = iter(askable)
        conn.commit()  # no transaction stays open while the API is asked
        for answers in client.answer(asks):
            note_limits(conn, answers, client.api.flavour, clock())
            yield from (Inspected(next(asked), _facts(answer)) for answer in answers)
    if resting:
        log.warning("%s tokens of %s were not inspected, as a rate-limit pool rests", resting, client.api.flavour)


def rest(conn: psycopg.Connection, connection: Held, error: ThrottledError, now: datetime) -> None:
    """Let the throttled pool rest, for the capture too: calls made meanwhile would lengthen the block. Commits."""
    pool = pools.app_pool(connection.login_flavour) if error.scope == "app" else connection.ig_user_id
    pools.note(conn, {}, {pool: now + (error.wait or pools.REST)}, now)
    conn.commit()


def note_limits(conn: psycopg.Connection, answers: Sequence[Answer], flavour: Flavour, now: datetime) -> None:
    """Keep what answers tell of the rate-limit pools; a full or a throttled one rests. Commits."""
    usage = pools.told(answers, flavour)
    rests = {name: now + (pool.wait or pools.REST) for name, pool in usage.items() if pool.is_full}
    for answer in answers:
        if isinstance(answer.error, ThrottledError):
            name = pools.app_pool(flavour) if answer.error.scope == "app" else answer.ask.pool
            rests[name] = max(now + (answer.error.wait or pools.REST), rests.get(name, now))
    pools.note(conn, usage, rests, now)
    conn.commit()


def _askable(conn: psycopg.Connection, opened: Sequence[Opened], now: datetime) -> list[Opened]:
    """Those whose pools may be asked for more than what they are reserved for, the last readings of stories."""
    names = [pools.pools_of(one.connection.ig_user_id, one.connection.login_flavour) for one in opened]
    standing = pools.standing(conn, frozenset().union(*names), now)
    closed = standing.blocked | standing.reserved
    return [one for one, found in zip(opened, names, strict=True) if not found & closed]


def _facts(answer: Answer) -> TokenFacts | GraphError:
    try:
        return tokens.facts_of(answer)
    except GraphError as error:
        return error
