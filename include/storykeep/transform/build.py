"""One build: landing checkpoint, dbt, release checkpoint, publication. What fails leaves the marts as they were."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TypeVar

import psycopg

from storykeep.clock import fixed_clock
from storykeep.landing.runs import Run, ledger
from storykeep.quality.landing import check_landing
from storykeep.quality.release import check_release
from storykeep.settings import Settings
from storykeep.transform import dbt, last_build
from storykeep.transform.publish import publish_in_turn
from storykeep.transform.turn import turn
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

T = TypeVar("T")


def build_marts(settings: Settings, as_of: datetime, *, anew: bool = False) -> dict[str, int]:
    """Build, check and publish the marts as they are at `as_of`; returns what was checked, built and changed.

    `anew` makes every table out of what is in raw, instead of going on from the last build. Builds take turns, and each
    is written down in the run ledger. Raises StorykeepError naming each expectation, model or test that failed.
    """
    with turn(settings) as conn:
        if anew:
            last_build.forget(settings)
        return build_in_turn(conn, settings, as_of)


def build_in_turn(
    conn: psycopg.Connection, settings: Settings, as_of: datetime, landed_until: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Do the same with a turn that is had already, of no rows beyond the landing ids `landed_until` when given."""
    with _written_down(settings, as_of) as run:
        landed = _timed("landing checkpoint", lambda: check_landing(settings, as_of, landed_until))
        # No row that was not checked: what lands meanwhile is for the next build.
        built = _timed("dbt build", lambda: dbt.build(settings, as_of, landed.watermarks))
        _timed("source freshness", lambda: dbt.warn_of_old_sources(settings, as_of))
        _timed("release checkpoint", lambda: check_release(settings, as_of))
        changed = _timed("publish", lambda: publish_in_turn(conn, as_of, landed.watermarks))
        run.counts["new raw rows"] = landed.rows
        run.counts["rows quarantined"] = landed.quarantined
        run.counts["models and tests"] = sum(built.values())
        run.counts["warnings"] = built.get("warn", 0)
        run.counts["mart rows changed"] = sum(changed.values())
    return dict(run.counts)


@contextmanager
def _written_down(settings: Settings, as_of: datetime) -> Iterator[Run]:
    run_id = f"build-{as_of:%Y-%m-%dT%H:%M:%SZ}"
    with (
        connect(settings.warehouse, "storykeep_ingest") as conn,
        ledger(conn, "build", run_id, fixed_clock(as_of)) as run,
    ):
        yield run


def _timed(step: str, work: Callable[[], T]) -> T:
    started = monotonic()
    result = work()
    log.info("%s: %.1f s", step, monotonic() - started)
    return result
