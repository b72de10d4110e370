"""One screen: is Storykeep capturing, and what stands in its way. Read from `app` alone, so it needs no marts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from storykeep.accounts.modes import Mode, resting
from storykeep.accounts.snooze import Snooze, snoozed
from storykeep.accounts.states import TROUBLE, State
from storykeep.capture import skew
from storykeep.capture.outage.spool import NOTHING, Waiting
from storykeep.capture.planner import SWEEP
from storykeep.errors import StorykeepError
from storykeep.report.drift import Notice, new_notices
from storykeep.report.figures import NONE, counted, duration
from storykeep.report.screen import say, show, words

MOST_ROWS = 10
AHEAD = timedelta(minutes=10)
TICKS_ALLOWED = 2
# The runs of a tick's shards have the tick in their id up to the slash, and start within this time.
TICK_OF = "split_part({}.run_id, '/', 1)"
LONGEST_TICK = timedelta(hours=1)
WORST_FIRST = ("failed", "running", "trouble", "ok")
WATCHED = TROUBLE | {State.EXPIRING}


@dataclass(frozen=True)
class LastRun:
    """The newest run of a kind. The shards of a tick are one run, as good as the worst of them.

    `causes` counts the accounts that it could not serve, by cause code.
    """

    started_at: datetime
    status: str
    causes: dict[str, int]


@dataclass(frozen=True)
class Trouble:
    """A connection that somebody has to see to."""

    username: str
    status: str
    reason: str | None
    since: datetime


@dataclass(frozen=True)
class BlockedPool:
    """A rate-limit pool that is not called before `until`: an account's, or a whole app's."""

    name: str
    until: datetime


@dataclass(frozen=True)
class Status:
    """How things stand at `now`. A good tick is one that finished, whatever single accounts made of it.

    `resting` counts the accounts that are not captured automatically, by mode, and `quarantined` the raw rows that the
    marts are built without, by table.
    """

    now: datetime
    tick: timedelta
    last_good_tick: datetime | None
    last_capture: LastRun | None
    last_sync: LastRun | None
    last_build: LastRun | None
    live_stories: int
    due_sweeps: int
    connections: dict[str, int]
    troubles: tuple[Trouble, ...]
    blocked: tuple[BlockedPool, ...]
    notices: tuple[Notice, ...] = ()
    resting: Mapping[Mode, int] = field(default_factory=dict)
    skews: tuple[str, ...] = ()
    spool: Waiting = NOTHING
    snoozes: tuple[Snooze, ...] = ()
    quarantined: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_healthy(self) -> bool:
        """False when the last good tick is older than two tick periods, or when there was none."""
        return self.last_good_tick is not None and self.now - self.last_good_tick <= TICKS_ALLOWED * self.tick


def gather_status(conn: psycopg.Connection, now: datetime, tick: timedelta, spool: Waiting = NOTHING) -> Status:
    """Read how things stand; `tick` is the period of the capture schedule, `spool` what waits there.

    Raises StorykeepError when the warehouse has not been made yet.
    """
    try:
        return Status(
            now=now,
            tick=tick,
            last_good_tick=_last_good_tick(conn, now),
            last_capture=_last_run(conn, "capture", now),
            last_sync=_last_run(conn, "content", now),
            last_build=_last_run(conn, "build", now),
            live_stories=_count(conn, "expires_at > %s", now),
            due_sweeps=_count(
                conn, "expires_at > %s and expires_at <= %s and not is_refused", now, now + AHEAD + SWEEP
            ),
            connections=_connections(conn),
            troubles=_troubles(conn),
            blocked=_blocked(conn, now),
            notices=new_notices(conn, now),
            resting=Counter(resting(conn).values()),
            skews=_skews(conn),
            spool=spool,
            snoozes=tuple(snoozed(conn, now).values()),
            quarantined=_quarantined(conn),
        )
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise StorykeepError(
            "the warehouse has not been made yet", where=str(error).splitlines()[0], remedy="run: storykeep db upgrade"
        ) from None


def _last_good_tick(conn: psycopg.Connection, now: datetime) -> datetime | None:
    """When it finished. A tick is not good when one of its shards failed.

    One of a virtual time that is yet to come proves nothing about now.
    """
    row = conn.execute(
        f"""
        select finished_at from app.runs
        where
            kind = 'capture' and status in ('ok', 'trouble') and finished_at <= %s
            and not exists (
                select from app.runs as shards
                where
                    shards.kind = 'capture' and shards.status = 'failed'
                    and {TICK_OF.format("shards")} = {TICK_OF.format("runs")}
                    and shards.clock_at between runs.clock_at - %s and runs.clock_at + %s
            )
        order by clock_at desc, finished_at desc limit 1
        """,  # noqa: S608 (what is put in is a constant of this file)
        [now, LONGEST_TICK, LONGEST_TICK],
    ).fetchone()
    return row[0] if row else None


def _last_run(conn: psycopg.Connection, kind: str, now: datetime) -> LastRun | None:
    row = conn.execute(
        f"""
        select min(started_at), array_agg(status), array_agg(causes) from app.runs
        where kind = %(kind)s and started_at <= %(now)s and clock_at >= (
            select max(clock_at) - %(longest)s from app.runs where kind = %(kind)s and started_at <= %(now)s
        )
        group by {TICK_OF.format("runs")} order by max(started_at) desc limit 1
        """,  # noqa: S608 (what is put in is a constant of this file)
        {"kind": kind, "now": now, "longest": LONGEST_TICK},
    ).fetchone()
    if row is None:
        return None
    started_at, statuses, causes = row
    people = {cause: {who for shard in causes for who in shard.get(cause, ())} for shard in causes for cause in shard}
    return LastRun(
        started_at,
        next(status for status in WORST_FIRST if status in statuses),
        {cause: len(who) for cause, who in people.items()},
    )


def _count(conn: psycopg.Connection, condition: str, *values: datetime) -> int:
    # The condition is one of the two that gather_status writes.
    row = conn.execute(f"select count(*) from app.story_clock where {condition}", values).fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def _connections(conn: psycopg.Connection) -> dict[str, int]:
    """How many accounts are in each state; an account without a connection is not tracked."""
    return dict(
        conn.execute(
            """
            select coalesce(status, %s) as status, count(*)
            from app.accounts left join app.connections using (account_id)
            group by 1 order by 2 desc, 1
            """,
            [State.NOT_TRACKED],
        ).fetchall()
    )


def _troubles(conn: psycopg.Connection) -> tuple[Trouble, ...]:
    with conn.cursor(row_factory=class_row(Trouble)) as cursor:
        return tuple(
            cursor.execute(
                """
                select username, status, reason, status_since as since
                from app.connections join app.accounts using (account_id)
                where status = any(%s) order by status_since desc, username
                """,
                [sorted(WATCHED)],
            )
        )


def _blocked(conn: psycopg.Connection, now: datetime) -> tuple[BlockedPool, ...]:
    with conn.cursor(row_factory=class_row(BlockedPool)) as cursor:
        return tuple(
            cursor.execute(
                """
                select coalesce('@' || username, pool) as name, blocked_until as until
                from app.api_pools left join app.accounts on ig_user_id = pool
                where blocked_until > %s order by blocked_until desc, 1
                """,
                [now],
            )
        )


def _skews(conn: psycopg.Connection) -> tuple[str, ...]:
    """A line for each host of the API whose clock and ours differ by too much."""
    rows = conn.execute(
        "select login_flavour, ahead_by from app.api_clocks where abs(extract(epoch from ahead_by)) > %s order by 1",
        [skew.LOUD.total_seconds()],
    )
    return tuple(skew.told(flavour, ahead_by) for flavour, ahead_by in rows)


def _quarantined(conn: psycopg.Connection) -> dict[str, int]:
    return dict(
        conn.execute(
            "select table_name, count(*) from app.quarantine where released_at is null group by 1 order by 2 desc, 1"
        ).fetchall()
    )


def render_status(status: Status, console: Console) -> None:
    """Print the screen; when it is unhealthy, with the reason and what to do."""
    screen = Table.grid(Column(style="bold", no_wrap=True), Column(), padding=(0, 2, 0, 0))
    for fact, value in _facts(status):
        screen.add_row(fact, Text(value))
    console.print(screen)
    if status.troubles:
        console.print()
        _show_troubles(console, status.troubles)
    if not status.is_healthy:
        say(console, f"UNHEALTHY: {_illness(status)}", style="bold red")


def _facts(status: Status) -> Iterable[tuple[str, str]]:
    connections = ", ".join(f"{count:,} {state}" for state, count in status.connections.items())
    blocked = ", ".join(f"{pool.name} until {pool.until:%H:%M}" for pool in status.blocked[:MOST_ROWS])
    more_blocked = f" and {len(status.blocked) - MOST_ROWS:,} more" if len(status.blocked) > MOST_ROWS else ""
    yield "now", f"{status.now:%Y-%m-%d %H:%M:%S} UTC, a tick every {duration(status.tick)}"
    yield "last good tick", _age(status.last_good_tick, status.now)
    yield "newest tick", _run(status.last_capture, status.now)
    yield "live stories", f"{status.live_stories:,}"
    yield "sweeps due", f"{status.due_sweeps:,} within {duration(AHEAD)}"
    yield "accounts", connections or "none -> run: storykeep accounts import FILE.csv"
    if status.resting:
        counts = ", ".join(f"{count:,} {mode}" for mode, count in sorted(status.resting.items()))
        yield "not automatic", f"{counts}; see: storykeep accounts list"
    if status.snoozes:
        asleep = ", ".join(f"@{one.username} until {one.until_at:%Y-%m-%d}" for one in status.snoozes[:MOST_ROWS])
        more = len(status.snoozes) - MOST_ROWS
        yield "snoozed alerts", asleep + (f" and {more:,} more" if more > 0 else "")
    yield "last sync", _run(status.last_sync, status.now)
    yield "last build", _run(status.last_build, status.now)
    if status.quarantined:
        rows = ", ".join(f"{count:,} of raw.{table}" for table, count in status.quarantined.items())
        yield "quarantine", f"{rows}; see: storykeep quarantine list"
    yield "blocked pools", f"{blocked}{more_blocked}" or "none"
    if status.spool.files or status.spool.damaged:
        yield "spool", _spool(status.spool, status.now)
    if status.notices:
        more = len(status.notices) - MOST_ROWS
        lines = [str(notice) for notice in status.notices[:MOST_ROWS]] + ([f"and {more:,} more"] if more > 0 else [])
        yield "API changes", "\n".join(lines)
    if status.skews:
        yield "clocks", "\n".join((*status.skews, "-> set this machine's clock by NTP"))


def _spool(spool: Waiting, now: datetime) -> str:
    waits = f"{counted(spool.files, 'file')} of replies, the oldest of {_age(spool.oldest, now)}" if spool.files else ""
    damaged = f"{counted(spool.damaged, 'file')} set aside as damaged" if spool.damaged else ""
    return "; ".join(part for part in (waits, damaged) if part)


def _age(at: datetime | None, now: datetime) -> str:
    return "none yet" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC, {duration(now - at)} ago"


def _run(run: LastRun | None, now: datetime) -> str:
    if run is None:
        return "none yet"
    causes = ", ".join(f"{counted(count, 'account')} ({cause})" for cause, count in sorted(run.causes.items()))
    return f"{run.status}, started {_age(run.started_at, now)}" + (f"; not captured: {causes}" if causes else "")


def _show_troubles(console: Console, troubles: tuple[Trouble, ...]) -> None:
    show(
        console,
        "Connections that need somebody",
        [words("Account"), words("Status"), words("Reason"), words("Since (UTC)")],
        [
            (f"@{trouble.username}", trouble.status, trouble.reason or NONE, f"{trouble.since:%Y-%m-%d %H:%M}")
            for trouble in troubles[:MOST_ROWS]
        ],
        f"{counted(len(troubles), 'connection')} in all; who does what: storykeep report",
    )


def _illness(status: Status) -> str:
    limit = duration(TICKS_ALLOWED * status.tick)
    what = (
        "no capture tick has ever finished well"
        if status.last_good_tick is None
        else f"the last good tick is {duration(status.now - status.last_good_tick)} old, more than {limit}"
    )
    return f"{what}. -> {_remedy(status.last_capture)}"


def _remedy(newest: LastRun | None) -> str:
    if newest is None:
        return "start the scheduler and switch the DAG capture_stories on, or run: storykeep tick"
    if newest.status == "failed":
        return "read why in the log of the newest run of the DAG capture_stories, or run: storykeep tick"
    if newest.status == "running":
        return "the newest tick has not ended: it still works, or it was killed; see the DAG capture_stories"
    return "see that the scheduler runs and that the DAG capture_stories is switched on, or run: storykeep tick"
