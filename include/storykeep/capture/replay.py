"""Ticks outside the schedule: one by hand, or many at virtual times."""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import datetime, timedelta

import psycopg

from storykeep.accounts import pools, registry
from storykeep.capture.due import due
from storykeep.capture.engine import capture, capture_or_spool
from storykeep.capture.media import archive_media
from storykeep.clock import Clock, fixed_clock
from storykeep.graph.client import GraphClient
from storykeep.landing.runs import Run
from storykeep.settings import Flavour, Settings
from storykeep.warehouse import connect

log = logging.getLogger(__name__)


def run_tick(conn: psycopg.Connection, settings: Settings, clients: Mapping[Flavour, GraphClient], clock: Clock) -> Run:
    """Capture what is due now and archive its media: one tick of the schedule. The run is named by its time."""
    run_id = _run_id(clock)
    run = capture(conn, settings, clients, clock, run_id)
    archive_media(conn, settings, clients, clock, f"{run_id}-media")
    return run


def tick_now(settings: Settings, clients: Mapping[Flavour, GraphClient], clock: Clock) -> Run:
    """The same over connections of its own. Raises WarehouseAwayError once all is done that can be without Postgres."""
    run_id = _run_id(clock)
    run = capture_or_spool(settings, clients, clock, run_id)
    with closing(connect(settings.warehouse, "storykeep_ingest")) as conn:
        conn.autocommit = True
        archive_media(conn, settings, clients, clock, f"{run_id}-media")
    return run


def replay(
    conn: psycopg.Connection,
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    *,
    start: datetime,
    end: datetime,
    every: timedelta,
    set_clock: Callable[[datetime], None],
    on_tick: Callable[[datetime, Run], None],
) -> int:
    """Run a tick at `start` and then every `every` until `end`, both included; returns how many were not idle.

    `set_clock` tells the API's clock the time before each tick. Ticks at which nothing is due are skipped.
    """
    # A power cut may cost the last commits of a replay, which can be run again; waiting for the disk thousands of
    # times would be most of its time.
    conn.execute("set synchronous_commit to off")
    ticks = 0
    at = start
    while at <= end:
        if _anything_due(conn, settings, clients, at):
            set_clock(at)
            on_tick(at, run_tick(conn, settings, clients, fixed_clock(at)))
            ticks += 1
        at += every
    return ticks


def _run_id(clock: Clock) -> str:
    return f"tick-{clock():%Y-%m-%dT%H:%M:%SZ}"


def _anything_due(conn: psycopg.Connection, settings: Settings, flavours: Collection[Flavour], now: datetime) -> bool:
    pools_of = registry.pools_of_captured(conn, flavours)
    standing = pools.standing(conn, frozenset().union(*pools_of.values()), now)
    work = due(conn, pools_of, standing, now=now, list_every=settings.list_every)
    return bool(work.sweeps or work.listings or work.readings)
