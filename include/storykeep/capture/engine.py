"""A capture tick from its beginning to its end."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import psycopg

from storykeep.accounts import registry
from storykeep.accounts.pools import Standing
from storykeep.accounts.registry import Connection, Unreadable
from storykeep.accounts.vault import Vault
from storykeep.capture import cadence, notices, skew
from storykeep.capture.causes import CREATORS_MATTER
from storykeep.capture.due import due_of, within
from storykeep.capture.listing import land_throttled, list_stories
from storykeep.capture.lookout import Lookout
from storykeep.capture.outage import private_file, snapshot, spool
from storykeep.capture.outage.away import AwayTick, away_tick, carried_on
from storykeep.capture.outage.drain import drain
from storykeep.capture.planner import Plan
from storykeep.capture.reading import read_stories
from storykeep.capture.tick import Tick
from storykeep.causes import Cause
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.landing.runs import Run, ledger
from storykeep.settings import Flavour, Settings
from storykeep.warehouse import WarehouseAwayError, connect, first_line, is_outage

log = logging.getLogger(__name__)

# The part of a tick after which it begins nothing more, so that it has ended when the next one is due.
BEGIN_WITHIN = 0.9
# The part of a tick after which it leaves what waits in the spool to the next one: what is live comes first.
DRAIN_WITHIN = 0.5
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
    cause and costs no other. `conn` is in autocommit mode: every chunk of replies is a transaction of its own. What
    waits in the spool is landed after the first sweeps.

    Raises StorykeepError only for what stops everything, such as a missing token key, or when something in the spool
    is damaged. When Postgres goes away meanwhile, the rest is done without it, and WarehouseAwayError says so at last.
    """
    place, tick, damaged = spool.folder(settings), None, []
    try:
        with ledger(conn, "capture", run_id, clock) as run:
            cadence.keep(conn, settings.list_every, run.clock_at)
            tick = _tick(conn, settings, clients, clock, run, shard, shards)
            if spool.files(place):
                # What is in the spool is safe, and can wait for these.
                read_stories(tick, _due(tick, settings).sweeps, are_sweeps=True)
                damaged = drain(tick, place, run.clock_at + DRAIN_WITHIN * settings.tick)
                tick = _tick(conn, settings, clients, clock, run, shard, shards)  # some connections may have ended
            _work(tick, settings)
            notices.keep_refused(tick)
            skew.keep(tick)
            # Without Postgres, too, nobody is asked whose connection ended or who was paused during this tick.
            connections, _ = registry.capturable(conn, Vault(settings.token_keys), shard=shard, shards=shards)
            tick.memory.connections = snapshot.locked(connections)
            log.info("%s: %s", run.run_id, summary(run))
    except psycopg.Error as error:
        if not is_outage(error):
            raise
        away = WarehouseAwayError(first_line(error), where="Postgres", remedy="see that it runs")
    else:
        _remember(tick, place, shard, shards)
        _raise_damaged(damaged)
        return run
    if tick is None:
        capture_away(settings, clients, clock, run_id, away, shard=shard, shards=shards)
    _work_away(carried_on(tick, place), settings, away, shard, shards)


def capture_or_spool(
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run_id: str,
    *,
    shard: int = 0,
    shards: int = 1,
) -> Run:
    """Do the same over a connection of its own, or without one when Postgres cannot be reached."""
    try:
        conn = connect(settings.warehouse, "storykeep_ingest")
    except WarehouseAwayError as error:
        away = error
    else:
        with closing(conn):
            conn.autocommit = True
            return capture(conn, settings, clients, clock, run_id, shard=shard, shards=shards)
    capture_away(settings, clients, clock, run_id, away, shard=shard, shards=shards)


def capture_away(
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run_id: str,
    away: WarehouseAwayError,
    *,
    shard: int = 0,
    shards: int = 1,
) -> NoReturn:
    """Do what is due without Postgres, from what the last tick left on the disk, and spool the replies.

    Raises WarehouseAwayError in any case: `away` itself when no tick has left anything.
    """
    place, run = spool.folder(settings), Run(run_id, clock())
    memory = snapshot.read(place, shard=shard, shards=shards)
    if memory is None:
        raise away
    connections = usable(snapshot.unlocked(memory, Vault(settings.token_keys)), clients, run)
    tick = away_tick(memory, clients, clock, run, connections, place, _end_of(run, settings))
    _work_away(tick, settings, away, shard, shards)


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
            remedy="the lines above say why; the next run tries again by itself",
        )


def _tick(
    conn: psycopg.Connection,
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run: Run,
    shard: int,
    shards: int,
) -> Tick:
    found = registry.capturable(conn, Vault(settings.token_keys), shard=shard, shards=shards)
    connections = usable(found, clients, run)
    tick = Tick(
        conn=conn,
        clients=clients,
        clock=clock,
        run=run,
        connections=connections,
        ends_at=_end_of(run, settings),
        memory=snapshot.load(conn, connections.values(), run.clock_at),
    )
    tick.look(connections)
    place = spool.folder(settings)
    if spool.files(place):
        _recall_pools(tick, place)
    return tick


def _recall_pools(tick: Tick, place: Path) -> None:
    """Take in how the pools stood when ticks last ended: of those that rest, some replies may wait in the spool."""
    tick.memory.heard(snapshot.pools(place))
    names = {name for account_id in tick.connections for name in tick.pools_of(account_id)}
    tick.standing.add(tick.memory.standing(names, tick.clock()))


def _end_of(run: Run, settings: Settings) -> datetime:
    return run.clock_at + BEGIN_WITHIN * settings.tick


def _work(tick: Tick, settings: Settings) -> None:
    """Do what is due, in its order."""
    work, lookout = _due(tick, settings), Lookout(tick, tick.now)
    lookout.read(work.sweeps)
    list_stories(tick, work.listings, lookout)
    # Looked at again, for the stories that the listings brought; one may be in its last minutes.
    work = _due(tick, settings, listings=False)
    read_stories(tick, work.sweeps, are_sweeps=True)
    read_stories(tick, work.readings, lookout)
    _note_left(tick)
    _note_throttled(tick, settings)


def _work_away(tick: AwayTick, settings: Settings, away: WarehouseAwayError, shard: int, shards: int) -> NoReturn:
    place = spool.folder(settings)
    _work(tick, settings)
    snapshot.write(place, tick.memory, tick.clock(), shard=shard, shards=shards)
    log.info("%s: %s", tick.run.run_id, summary(tick.run))
    raise WarehouseAwayError(
        f"the warehouse is away ({away.where}: {away.what}): {tick.run.counts['spooled']} replies spooled",
        where=str(place),
        remedy="bring Postgres back; until then ticks go on like this, and the first one with it lands what waits here",
    )


def _remember(tick: Tick, place: Path, shard: int, shards: int) -> None:
    """Leave on the disk what the next tick needs if Postgres is away then; that this fails stops nothing now."""
    # What waits in the spool still is not in the clocks of the warehouse.
    known_until = spool.waiting(place).oldest or tick.clock()
    try:
        snapshot.write(place, tick.memory, known_until, shard=shard, shards=shards)
        snapshot.forget_others(place, shards)
        private_file.clear_leftovers(place)
    except StorykeepError as error:
        log.warning("without Postgres the next tick could do nothing: %s", error)


def _raise_damaged(damaged: Sequence[Path]) -> None:
    if damaged:
        raise StorykeepError(
            f"replies that waited for Postgres cannot be landed, or not removed: {len(damaged)} of the files",
            where=str(damaged[0]),
            remedy="the log says why; a file that is mended is landed by the next tick once .bad is off its name",
        )


def usable(
    found: tuple[Iterable[Connection], Iterable[Unreadable]], clients: Mapping[Flavour, GraphClient], run: Run
) -> dict[str, Connection]:
    """The accounts that can be asked; the others are noted."""
    connections, unreadable = found
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
    return _plan(tick, settings, pools_of, tick.standing, listings=listings)


def _plan(
    tick: Tick,
    settings: Settings,
    pools_of: Mapping[str, frozenset[str]],
    standing: Standing,
    *,
    listings: bool = True,
) -> Plan:
    accounts = tick.account_clocks(pools_of) if listings else ()
    stories = tick.story_clocks(pools_of, tick.now)
    return due_of(accounts, stories, pools_of, standing, now=tick.now, list_every=settings.list_every)


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
    left = _plan(tick, settings, hindered, Standing(paced=tick.standing.paced))
    unlisted = set(left.listings) - tick.listed
    for account_id in left.accounts & silent | unlisted:
        tick.run.causes[Cause.THROTTLED].add(tick.connections[account_id].username)
    if unlisted:
        land_throttled(tick, unlisted)


def _handles(who: Collection[str]) -> str:
    shown = ", ".join(f"@{name}" for name in sorted(who)[:NAMED])
    return shown if len(who) <= NAMED else f"{shown} and {len(who) - NAMED} more"
