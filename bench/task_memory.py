"""The memory of a capture task that lists 10,000 accounts and reads every live story of theirs, all in one shard."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import Figure
from stage import START, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in

from storykeep.local.stack import LocalStack

ACCOUNTS = 10_000
SECONDS = 900


def measure(bench: Bench) -> Iterator[Figure]:
    """Run the tick in a process of its own. Takes minutes: left out when it has to be quick."""
    if bench.quick:
        bench.console.print("  left out: it has no small form")
        return
    with sandbox_stack(accounts=ACCOUNTS) as stack:
        with bench.step(f"{ACCOUNTS:,} accounts are connected"), ingest(settings_of(stack)) as conn:
            take_in(conn, settings_of(stack), connected_accounts(stack), START)
        with bench.step("a tick over all of them in one shard"):
            told = _one_tick(stack)
    what = f"of a capture task over {ACCOUNTS:,} accounts, {told['readings']:,} stories read"
    yield Figure(f"peak memory {what}", told["peak"], "MiB", at_most=500)
    yield Figure("of that before the tick begins, with Airflow imported", told["before"], "MiB")


def _one_tick(stack: LocalStack) -> dict[str, Any]:
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("one_tick.py")), START.isoformat()],
        env={**stack.environ, "PATH": os.environ["PATH"], "AIRFLOW_HOME": str(stack.folder / "airflow")},
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    )
    return dict(json.loads(child.stdout.splitlines()[-1]))
