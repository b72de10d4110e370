"""The marts: built from a history of readings, and brought up to date after the new rows of a tick.

Each build is `storykeep build` in a process of its own, so its start is in the time: some seconds of Python, of dbt
and of the checks, whatever the history. `--readings` sets the size; a tenth of it shows how the time grows with the
history. The targets are those of 1,000,000 readings: a smaller size is not held against them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from statistics import mean

import psycopg
from figures import Figure
from history import READINGS_OF_ACCOUNT, History
from stage import START, TICK, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in, timed

from storykeep.local.stack import LocalStack

QUICK_READINGS = 2_000
PROMISED_READINGS = 1_000_000
FEWEST_ACCOUNTS = 10
TICKS = 2
SECONDS = 1_800


def measure(bench: Bench) -> Iterator[Figure]:
    """Build at a tenth of the size, and at the whole."""
    size = QUICK_READINGS if bench.quick else bench.readings
    promised = size >= PROMISED_READINGS
    small = None if bench.quick else _build_all(bench, size // 10)
    whole, after = _build_all(bench, size)
    yield Figure(f"marts of {size:,} readings, built from nothing", whole, "s", at_most=600 if promised else None)
    yield Figure("the same marts after a tick's new rows", after, "s", at_most=30 if promised else None)
    yield Figure("that against building them from nothing", 100 * after / whole, "%")
    if small:
        yield Figure(f"marts of {size // 10:,} readings after a tick's new rows", small[1], "s")
        yield Figure(f"{size:,} readings against these", after / small[1], "times", at_most=1.5 if promised else None)


def _build_all(bench: Bench, readings: int) -> tuple[float, float]:
    """Seconds of a first build, and of one after one more tick, on average."""
    accounts = max(readings // READINGS_OF_ACCOUNT, FEWEST_ACCOUNTS)
    with sandbox_stack(accounts=accounts + 10) as stack, ingest(settings_of(stack)) as conn:
        take_in(conn, settings_of(stack), connected_accounts(stack)[:accounts], START)
        found = conn.execute("select account_id from app.accounts order by account_id").fetchall()
        history = History([account_id for (account_id,) in found], readings)
        with bench.step(f"{readings:,} readings of {len(found):,} accounts are landed"):
            history.land(conn)
        with bench.step("first build"):
            whole = timed(lambda: _build(stack, START))
        with bench.step(f"builds after each of {TICKS} ticks"):
            after = mean(_after_tick(stack, conn, history, number) for number in range(1, TICKS + 1))
    return whole, after


def _after_tick(stack: LocalStack, conn: psycopg.Connection, history: History, number: int) -> float:
    history.land_tick(conn, number)
    return timed(lambda: _build(stack, START + number * TICK))


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
