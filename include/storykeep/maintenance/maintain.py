"""The daily round of the warehouse: the proof of the marts, deletion requests, purge, retention, pages of the checks.

The proof comes first: as long as the marts and raw disagree, nothing of raw is dropped.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from storykeep.clock import Clock
from storykeep.graph.client import open_clients
from storykeep.landing.retention import old_partitions, retire
from storykeep.landing.runs import Run, ledger
from storykeep.maintenance.deletions import carry_out_all
from storykeep.quality import data_docs
from storykeep.settings import Settings
from storykeep.transform import last_build
from storykeep.transform.purge import purge_unmatched
from storykeep.transform.rebuild import check_rebuild
from storykeep.transform.turn import turn
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

# A week, less what a daily run may come early.
REBUILD_EVERY = timedelta(days=6, hours=12)


def maintain(settings: Settings, clock: Clock, run_id: str, *, rebuild: bool = False) -> dict[str, int]:
    """Do the whole round, the rebuild only when it is due or asked for; returns the counts of its steps.

    Raises what its steps raise, StorykeepError for the most part.
    """
    counts = prove_marts(settings, clock, run_id) if rebuild or rebuild_is_due(settings, clock()) else {}
    counts |= carry_out_all(settings, open_clients(settings), clock, run_id)
    counts |= purge_unmatched(settings, clock())
    return counts | apply_retention(settings, clock, run_id) | prune_data_docs(settings, clock, run_id)


def rebuild_is_due(settings: Settings, now: datetime) -> bool:
    """Whether a week has passed since a rebuild last came to the same marts, or since the first round if none has."""
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        ((is_due,),) = conn.execute(
            """
            select
                coalesce(min(clock_at) <= %(since)s, false)
                and not bool_or(status = 'ok' and counts ? 'marts compared' and clock_at > %(since)s)
            from app.runs
            where kind = 'maintain' and clock_at <= %(now)s
            """,
            {"since": now - REBUILD_EVERY, "now": now},
        ).fetchall()
    return bool(is_due)


def prove_marts(settings: Settings, clock: Clock, run_id: str) -> dict[str, int]:
    """Build the marts from raw and compare. Raises StorykeepError naming marts and keys when they differ."""
    with _written_down(settings, clock, f"{run_id}/rebuild") as run:
        run.counts.update(check_rebuild(settings, run.clock_at))
    return dict(run.counts)


def apply_retention(settings: Settings, clock: Clock, run_id: str) -> dict[str, int]:
    """Drop the days of raw that are older than the setting says; nothing without it.

    Each partition goes in a transaction of its own, so that a failure leaves whole ones. Raises StorykeepError when
    one cannot be had.
    """
    with _written_down(settings, clock, f"{run_id}/retention") as run:
        if settings.retention_days is None:
            log.info("retention: off, everything is kept")
        else:
            _drop_old(settings, settings.retention_days, run)
    return dict(run.counts)


def prune_data_docs(settings: Settings, clock: Clock, run_id: str) -> dict[str, int]:
    """Delete the results and pages of the checks of all but the last builds."""
    with _written_down(settings, clock, f"{run_id}/data-docs") as run:
        run.counts["data docs deleted"] = data_docs.prune(settings)
    return dict(run.counts)


def _drop_old(settings: Settings, days: int, run: Run) -> None:
    # Nobody builds meanwhile: half of a build before and half after would be neither.
    with turn(settings), connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        old = old_partitions(conn, run.clock_at, days)
        if old:
            # Before the first row goes. Incremental builds do not see that rows are gone.
            last_build.forget(settings)
        for partition in old:
            retired = retire(conn, partition)
            run.counts["partitions dropped"] += 1
            run.counts["raw rows dropped"] += retired.dropped
            run.counts["raw rows kept"] += retired.kept
            log.info(
                "retention: raw.%s of %s: %d rows, %d kept",
                partition.table,
                partition.day,
                retired.dropped,
                retired.kept,
            )


@contextmanager
def _written_down(settings: Settings, clock: Clock, run_id: str) -> Iterator[Run]:
    with connect(settings.warehouse, "storykeep_ingest") as conn, ledger(conn, "maintain", run_id, clock) as run:
        yield run
