"""One capture tick over all accounts in a process of its own, which tells how much memory it has held at most.

Run by task_memory.py, with a deployment's environment and the time of the tick.
"""

import json
import logging
import sys
from pathlib import Path

import storykeep.airflow.tasks  # noqa: F401 - what a task of the DAG holds before it begins
from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock, parse_time
from storykeep.graph.client import open_clients
from storykeep.settings import Settings
from storykeep.warehouse import connect


def main() -> None:
    """Print the peaks before and after, in MiB, and what was done."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    settings, now, before = Settings.from_env(), parse_time(sys.argv[1]), _peak()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        run = capture(conn, settings, open_clients(settings), fixed_clock(now), "bench")
    print(json.dumps({"before": before, "peak": _peak(), "readings": run.counts["readings"]}))


def _peak() -> float:
    """The most memory that was resident, in MiB; the usual getrusage would tell the parent's where that was more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
