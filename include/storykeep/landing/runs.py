"""The run ledger: what ran, at which clock, what it counted and what went wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storykeep.clock import Clock

Kind = Literal["capture", "refresh", "media", "content", "build", "tokens", "maintain"]


@dataclass
class Run:
    """A run under way: what it counts, and whom it could not serve (handles by cause code)."""

    run_id: str
    clock_at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    causes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@contextmanager
def ledger(conn: psycopg.Connection, kind: Kind, run_id: str, clock: Clock) -> Iterator[Run]:
    """Write the run down when it starts and when it ends; the same run id again starts its entry afresh.

    It ends as `ok`, as `trouble` when a cause was noted, or as `failed` when an exception ended it.
    """
    run = Run(run_id, clock())
    conn.execute(
        """
        insert into app.runs (run_id, kind, clock_at, started_at, status) values (%s, %s, %s, %s, 'running')
        on conflict (run_id) do update set
            clock_at = excluded.clock_at, started_at = excluded.started_at, finished_at = null, status = 'running',
            counts = '{}', causes = '{}'
        """,
        [run_id, kind, run.clock_at, run.clock_at],
    )
    conn.commit()
    try:
        yield run
    except BaseException:
        # If Postgres is what failed, the entry stays "running" and the first error is the one to show.
        with suppress(psycopg.Error):
            conn.rollback()
            _finish(conn, run, "failed", clock())
        raise
    _finish(conn, run, "trouble" if run.causes else "ok", clock())


def write_later(conn: psycopg.Connection, kind: Kind, run: Run, at: datetime) -> None:
    """Write down how far a run had come at `at`, when at most its start could be written down as it ran."""
    conn.execute(
        """
        insert into app.runs (run_id, kind, clock_at, started_at, status) values (%s, %s, %s, %s, 'running')
        on conflict (run_id) do nothing
        """,
        [run.run_id, kind, run.clock_at, run.clock_at],
    )
    _finish(conn, run, "trouble" if run.causes else "ok", at)


def _finish(conn: psycopg.Connection, run: Run, status: str, at: datetime) -> None:
    causes = {cause: sorted(who) for cause, who in run.causes.items()}
    conn.execute(
        "update app.runs set finished_at = %s, status = %s, counts = %s, causes = %s where run_id = %s",
        [
            at,
            status,
            Jsonb(dict(run.counts)),
            Jsonb(causes),
            run.run_id,
        ],
    )
    conn.commit()


@dataclass(frozen=True)
class Outcome:
    """How a run that is written down went."""

    run_id: str
    status: str
    counts: dict[str, int]
    causes: dict[str, list[str]]


def outcomes(conn: psycopg.Connection, prefix: str) -> list[Outcome]:
    """The runs whose id begins with `prefix`."""
    with conn.cursor(row_factory=class_row(Outcome)) as cursor:
        return cursor.execute(
            "select run_id, status, counts, causes from app.runs where starts_with(run_id, %s) order by run_id",
            [prefix],
        ).fetchall()
