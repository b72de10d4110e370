"""The marts: built from a history of readings, and brought up to date after one tick's new rows.

Each build is `storykeep build` in a process of its own, so its start is in the time: a second or two of Python, and
some of dbt and of the checks. `--readings` sets the size; a tenth of it shows how the time grows with the history. The
targets are those of 1,000,000 readings: a smaller size is not held against them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

from figures import Figure
from history import READINGS_OF_ACCOUNT, History
from stage import START, TICK, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in, timed

from storykeep.local.stack import LocalStack

QUICK_READINGS = 2_000
PROMISED_READINGS = 1_000_000
FEWEST_ACCOUNTS = 10
SECONDS = 1_800


def measure(bench: Bench) -> Iterator[Figure]:
    """Build at the whole size and at a tenth of it."""
    size = QUICK_READINGS if bench.quick else bench.readings
    most_seconds, most_times = (30, 1.5) if size >= PROMISED_READINGS else (None, None)
    whole, after = _build_twice(bench, size)
    yield Figure(f"marts of {size:,} readings, built from nothing", whole, "s")
    yield Figure("the same marts after a tick's new rows", after, "s", at_most=most_seconds)
    yield Figure("that against building them from nothing", 100 * after / whole, "%")
    if not bench.quick:
        _, small = _build_twice(bench, size // 10)
        yield Figure(f"that against the same at {size // 10:,} readings", after / small, "times", at_most=most_times)


def _build_twice(bench: Bench, readings: int) -> tuple[float, float]:
    """Seconds of a first build, and of one after one more tick."""
    accounts = max(readings // READINGS_OF_ACCOUNT, FEWEST_ACCOUNTS)
    with sandbox_stack(accounts=accounts + 10) as stack, ingest(settings_of(stack)) as conn:
        take_in(conn, settings_of(stack), connected_accounts(stack)[:accounts], START)
        found = conn.execute("select account_id from app.accounts order by account_id").fetchall()
        history = History([account_id for (account_id,) in found], readings)
        with bench.step(f"{readings:,} readings of {len(found):,} accounts are landed"):
            history.land(conn)
        with bench.step("first build"):
            whole = timed(lambda: _build(stack, START))
        history.land_tick(conn)
        with bench.step("build after a tick"):
            after = timed(lambda: _build(stack, START + TICK))
    return whole, after


def _build(stack: LocalStack, at: datetime) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "storykeep", "build", "--at", at.isoformat()],
        env={**stack.environ, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode:
        raise RuntimeError(" | ".join((done.stderr or done.stdout).strip().splitlines()[-3:]))
