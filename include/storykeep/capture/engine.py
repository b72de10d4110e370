"""A capture tick from its beginning to its end."""

import logging
from collections.abc import Collection, Mapping

import psycopg

from storykeep.accounts import registry
from storykeep.accounts.pools import Standing
from storykeep.accounts.registry import Connection
from storykeep.accounts.vault import Vault
from storykeep.capture import notices, skew
from storykeep.capture.causes import CREATORS_MATTER
from storykeep.capture.due import due, within
from storykeep.capture.listing import land_throttled, list_stories
from storykeep.capture.lookout import Lookout
from storykeep.capture.planner import Plan
from storykeep.capture.reading import read_stories
from storykeep.capture.tick import Tick
from storykeep.causes import Cause
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.landing.runs import Run, ledger
from storykeep.settings import Flavour, Settings

log = logging.getLogger(__name__)

# The part of a tick after which it begins nothing more, so that it has ended when the next one is due.
BEGIN_WITHIN = 0.9
# How many handles a message names.
NAMED = 50


def capture(
    conn: psycopg.Connection,
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run_id: str,
    *,
    shard: int = 0,
    shards: int = 1,
) -> Run:
    """Do what is due for one shard of the accounts: sweeps first, then listings, then the other readings.

    What there is no time for is left to the next tick. Whatever happens to one account or story is noted under its
    cause and costs no other. `conn` is in autocommit mode: every chunk of replies is a transaction of its own. Raises
    StorykeepError only for what stops everything, such as a missing token key.
    """
    with ledger(conn, "capture", run_id, clock) as run:
        tick = Tick(
            conn=conn,
            clients=clients,
            clock=clock,
            run=run,
            connections=_connections(conn, settings, clients, run, shard, shards),
            ends_at=run.clock_at + BEGIN_WITHIN * settings.tick,
        )
        tick.look(tick.connections)
        work, lookout = _due(tick, settings), Lookout(tick, tick.now)
        lookout.read(work.sweeps)
        list_stories(tick, work.listings, lookout)
        # Looked at again, for the stories that the listings brought; one may be in its last minutes.
        work = _due(tick, settings, listings=False)
        read_stories(tick, work.sweeps, are_sweeps=True)
        read_stories(tick, work.readings, lookout)
        _note_left(tick)
        _note_throttled(tick, settings)
        refused = tick.metrics.refused_of_all()
        notices.keep(tick, {f"insights: {name} is refused of every story": answer for name, answer in refused.items()})
        skew.keep(tick)
        log.info("%s: %s", run.run_id, summary(run))
    return run


def summary(run: Run) -> str:
    """One line: what a run did, and whom it could not serve."""
    idle = "nothing was captured" if run.causes else "nothing was due"
    done = ", ".join(f"{count} {what}" for what, count in sorted(run.counts.items())) or idle
    missed = "; ".join(f"{cause}: {_handles(who)}" for cause, who in sorted(run.causes.items()))
    return f"{done}; not captured: {missed}" if missed else done


def raise_trouble(causes: Mapping[str, Collection[str]]) -> None:
    """Raise StorykeepError naming each account that was not captured for a reason of ours or of the platform.

    What a creator has to mend is not among them: the token watch tells of it.
    """
    ours = {cause: who for cause, who in sorted(causes.items()) if cause not in CREATORS_MATTER}
    if ours:
        raise StorykeepError(
            "; ".join(f"{cause}: {_handles(who)}" for cause, who in ours.items()),
            where="not captured",
            remedy="the lines above say why; the next tick tries again by itself",
        )


def _connections(
    conn: psycopg.Connection,
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    run: Run,
    shard: int,
    shards: int,
) -> dict[str, Connection]:
    """The accounts of the shard that can be asked; the others are noted."""
    connections, unreadable = registry.capturable(conn, Vault(settings.token_keys), shard=shard, shards=shards)
    for lost in unreadable:
        log.error("%s", lost.error)
        run.causes[Cause.OUR_OUTAGE].add(lost.username)
    for connection in connections:
        if connection.login_flavour not in clients:
            log.error("@%s: AIRFLOW_CONN_GRAPH_%s names no app", connection.username, connection.login_flavour.upper())
            run.causes[Cause.OUR_OUTAGE].add(connection.username)
    return {connection.account_id: connection for connection in connections if connection.login_flavour in clients}


def _due(tick: Tick, settings: Settings, *, listings: bool = True) -> Plan:
    """What is due and may be asked for."""
    pools_of = _pools_of(tick)
    if paced := within(tick.standing.paced, pools_of):
        tick.run.counts["paced accounts"] = len(paced)
    return due(tick.conn, pools_of, tick.standing, now=tick.now, list_every=settings.list_every, listings=listings)


def _pools_of(tick: Tick) -> dict[str, frozenset[str]]:
    """The accounts whose connection is good, with the names of their pools."""
    return {account_id: tick.pools_of(account_id) for account_id in tick.connections.keys() - tick.lost}


def _note_left(tick: Tick) -> None:
    """Note how many listings and stories there was no time for."""
    if tick.left:
        tick.run.counts["left for the next tick"] = len(tick.left)
        log.warning("%s: no time for %d listings and stories: the next tick does them", tick.run.run_id, len(tick.left))


def _note_throttled(tick: Tick, settings: Settings) -> None:
    """Note whose work is still due because nothing, or nothing but last readings, may be sent to a pool of theirs."""
    pools_of = _pools_of(tick)
    silent = within(tick.standing.blocked, pools_of)
    hindered = {who: pools_of[who] for who in silent | within(tick.standing.reserved, pools_of)}
    if not hindered:
        return
    free = Standing(paced=tick.standing.paced)
    left = due(tick.conn, hindered, free, now=tick.now, list_every=settings.list_every)
    unlisted = set(left.listings) - tick.listed
    for account_id in left.accounts & silent | unlisted:
        tick.run.causes[Cause.THROTTLED].add(tick.connections[account_id].username)
    if unlisted:
        land_throttled(tick, unlisted)


def _handles(who: Collection[str]) -> str:
    shown = ", ".join(f"@{name}" for name in sorted(who)[:NAMED])
    return shown if len(who) <= NAMED else f"{shown} and {len(who) - NAMED} more"
