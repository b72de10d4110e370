"""One build: landing checkpoint, dbt, release checkpoint, publication. What fails leaves the marts as they were."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TypeVar

from storykeep.clock import fixed_clock
from storykeep.landing.runs import Run, ledger
from storykeep.quality.landing import check_landing
from storykeep.quality.release import check_release
from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.transform.publish import publish
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

# Any number of our own: builds wait for each other on it, since they share the schema `build`.
LOCK = 5_700_002

T = TypeVar("T")


def build_marts(settings: Settings, as_of: datetime) -> dict[str, int]:
    """Build, check and publish the marts as they are at `as_of`; returns what was checked, built and changed.

    Builds take turns, and each is written down in the run ledger. Raises StorykeepError naming each expectation, model
    or test that failed.
    """
    with _turn(settings), _written_down(settings, as_of) as run:
        landed = _timed("landing checkpoint", lambda: check_landing(settings, as_of))
        built = _timed("dbt build", lambda: dbt.build(settings, as_of))
        _timed("release checkpoint", lambda: check_release(settings, as_of))
        changed = _timed("publish", lambda: publish(settings, landed.watermarks))
        run.counts["new raw rows"] = landed.rows
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


@contextmanager
def _turn(settings: Settings) -> Iterator[None]:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        # Without an open transaction, so that a long build does not hold back vacuum.
        conn.autocommit = True
        conn.execute("select pg_advisory_lock(%s)", [LOCK])
        yield


def _timed(step: str, work: Callable[[], T]) -> T:
    started = monotonic()
    result = work()
    log.info("%s: %.1f s", step, monotonic() - started)
    return result
