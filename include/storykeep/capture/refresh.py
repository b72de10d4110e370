"""Reads one account now, beside the schedule: within a limit, and never from what is kept for the last readings."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import psycopg

from storykeep.accounts import pools, registry
from storykeep.accounts.registry import Connection
from storykeep.accounts.vault import Vault
from storykeep.capture import clocks
from storykeep.capture.engine import summary
from storykeep.capture.listing import list_stories
from storykeep.capture.planner import StoryClock
from storykeep.capture.reading import read_stories
from storykeep.capture.tick import Tick
from storykeep.causes import Cause
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.landing.runs import Outcome, Run, ledger, outcomes
from storykeep.settings import Flavour, Settings

log = logging.getLogger(__name__)

# As often as the schedule lists an account, so that refreshes at most double what that costs.
AT_MOST = 4
WITHIN = timedelta(hours=1)
# Stories that are read before the pools are looked at again.
BITE = 5
# The first half of the key of the lock that a refresh holds; the second is the account.
LOCK = 1_944_027


def refresh(
    conn: psycopg.Connection,
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    caller: str,
    username: str,
) -> Run:
    """List one account and read all of its live stories, nearest expiry first, whatever is due.

    It lands the rows and moves the clocks that a tick would, so that the schedule goes on from there. `caller` names
    the run in the ledger. Raises StorykeepError, before anything is sent, when the account cannot be read, was
    refreshed AT_MOST times WITHIN the time before, or a rate-limit pool of its rests or is nearly full.
    """
    connection = registry.connection_of(conn, Vault(settings.token_keys), username)
    if connection.login_flavour not in clients:
        name = f"AIRFLOW_CONN_GRAPH_{connection.login_flavour.upper()}"
        raise StorykeepError("its app is not set up", where=_at(username), remedy=f"set {name}")
    with _alone(conn, connection):
        now = clock()
        _refuse_too_many(conn, connection, now)
        _refuse_reserved(conn, connection, now)
        run_id = f"{_runs_of(connection.account_id)}{caller}/{now:%Y-%m-%dT%H:%M:%S.%fZ}"
        with ledger(conn, "refresh", run_id, clock) as run:
            _read(
                Tick(
                    conn=conn,
                    clients=clients,
                    clock=clock,
                    run=run,
                    connections={connection.account_id: connection},
                    is_of_one=True,
                )
            )
            log.info("@%s: %s", connection.username, summary(run))
    return run


def raise_unread(conn: psycopg.Connection, settings: Settings, username: str, causes: Collection[str]) -> None:
    """Raise StorykeepError when a refresh had these causes not to read all; a connection that ended says its remedy."""
    if not causes:
        return
    registry.connection_of(conn, Vault(settings.token_keys), username)
    raise StorykeepError(
        f"not read in full: {', '.join(sorted(causes))}",
        where=_at(username),
        remedy="the lines above say why; the next tick reads what is due by itself",
    )


def outcome_of(conn: psycopg.Connection, caller: str, username: str) -> Outcome:
    """How this caller's newest refresh of an account went. Raises StorykeepError when there was none."""
    found = outcomes(conn, f"{_runs_of(registry.find_account(conn, username))}{caller}/")
    if not found:
        raise StorykeepError("it was not refreshed", where=_at(username), remedy="the log of the refresh says why")
    return found[-1]


def _read(tick: Tick) -> None:
    list_stories(tick, tick.connections)
    stories = clocks.stories(tick.conn, tick.connections.keys(), tick.now)
    waiting = sorted(stories, key=lambda story: (story.expires_at, story.story_id))
    while waiting and not tick.lost:
        if _is_reserved(tick, waiting[0]):
            log.warning("%d stories are left to the schedule: the rate-limit pool is nearly full", len(waiting))
            tick.run.causes[Cause.THROTTLED].update(one.username for one in tick.connections.values())
            return
        read_stories(tick, waiting[:BITE])
        waiting = waiting[BITE:]


def _is_reserved(tick: Tick, story: StoryClock) -> bool:
    tick.look(tick.connections)
    return bool(tick.standing.paced) or not tick.can_ask(story.account_id)


@contextmanager
def _alone(conn: psycopg.Connection, connection: Connection) -> Iterator[None]:
    """Hold the account's turn, so that two refreshes at once are counted as two. Postgres ends it with the session."""
    key = [LOCK, connection.account_id]
    (is_mine,) = conn.execute("select pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone() or (False,)
    if not is_mine:
        raise StorykeepError(
            "it is being refreshed at this moment", where=_at(connection.username), remedy="wait for that to end"
        )
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # when Postgres is what failed, the first error is the one to show
            conn.execute("select pg_advisory_unlock(%s, hashtext(%s))", key)


def _refuse_too_many(conn: psycopg.Connection, connection: Connection, now: datetime) -> None:
    row = conn.execute(
        """
        select started_at from app.runs
        where kind = 'refresh' and clock_at > %s and clock_at <= %s and starts_with(run_id, %s)
        order by clock_at desc offset %s limit 1
        """,
        [now - WITHIN, now, _runs_of(connection.account_id), AT_MOST - 1],
    ).fetchone()
    if row:
        raise StorykeepError(
            f"refreshed {AT_MOST} times within the last hour already",
            where=_at(connection.username),
            remedy=f"it may be refreshed again at {_shown(row[0] + WITHIN)}; the schedule reads it meanwhile",
        )


def _refuse_reserved(conn: psycopg.Connection, connection: Connection, now: datetime) -> None:
    free_at = pools.free_at(conn, (connection.ig_user_id, pools.app_pool(connection.login_flavour)), now)
    if free_at:
        raise StorykeepError(
            "its rate-limit pool, or its app's, is nearly full: what is left is kept for the last readings of stories",
            where=_at(connection.username),
            remedy=f"it may be refreshed again at {_shown(free_at)} at the latest; the schedule reads it meanwhile",
        )


def _runs_of(account_id: str) -> str:
    """How the ids of an account's refreshes begin."""
    return f"refresh-{account_id}/"


def _at(username: str) -> str:
    return f"@{username.removeprefix('@')}"


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
