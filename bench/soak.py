"""`make soak`: two long simulations with everything that goes wrong, and what must hold at the end of each.

week: ticks of 1,000 accounts run at the sandbox's virtual times with the real code over a real Postgres: 5xx bursts,
throttling, lying lists, dead tokens, an outage of the API and one of ours, processes killed (-9) at their steps, ticks
run twice at once. The checks hold raw rows, marts and files against the sandbox's journal and truth.

lifetimes: 120 days of 200 connections under the token watch: tokens are refreshed and exchanged, data access ends,
passwords change, permissions and roles go, creators sign in again or do not. The checks hold each connection, and who
was told of what and when, against the API itself.

Exit status 1 when a check fails.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from soaking.checks import Check, table, write_json
from soaking.lifetimes import Span, live
from soaking.soak import Outcome, World, soak
from stage import TICK, Bench

from storykeep.local.stack import LocalStack, throwaway_stack

# The watch runs every hour in a deployment: here less often, to be through in minutes.
WATCH_EVERY, CAPTURE_EVERY = timedelta(hours=6), timedelta(days=1)


def main() -> int:
    """Soak, print the checks, and write them with --json; exit status 1 when one does not hold."""
    options = _options()
    logging.basicConfig(level=logging.ERROR, format="  %(message)s")
    bench = Bench(Console(width=None if sys.stdout.isatty() else 120), quick=False, readings=0)
    parts = {"week": _week, "lifetimes": _lifetimes}
    told: dict[str, Any] = {}
    checks: list[Check] = []
    for name in [options.only] if options.only else parts:
        command, outcome = parts[name](options, bench)
        counts = {what: count for what, count in outcome.told.items() if what != "notifications"}
        bench.console.print(", ".join(f"{what}: {count}" for what, count in counts.items()), highlight=False)
        if "notifications" in outcome.told:
            bench.console.print(_notifications(outcome.told["notifications"]))
        bench.console.print(table(command, outcome.checks))
        told[name] = {"command": command, **outcome.told}
        checks += outcome.checks
    if options.json:
        write_json(options.json, told, checks)
    return 0 if all(check.holds for check in checks) else 1


def _week(options: argparse.Namespace, bench: Bench) -> tuple[str, Outcome]:
    world = World(options.accounts or 1_000, options.days or 7, options.seed, timedelta(days=1), orders=1)
    command = f"python bench/soak.py --only week --accounts {world.accounts} --days {world.days} --seed {world.seed}"
    with _stack() as stack:
        return command, soak(world, stack, bench.step)


def _lifetimes(options: argparse.Namespace, bench: Bench) -> tuple[str, Outcome]:
    span = Span(options.accounts or 200, options.days or 120, options.seed, WATCH_EVERY, CAPTURE_EVERY)
    command = f"python bench/soak.py --only lifetimes --accounts {span.accounts} --days {span.days} --seed {span.seed}"
    with _stack() as stack:
        return command, live(span, stack, bench.step)


@contextmanager
def _stack() -> Iterator[LocalStack]:
    with tempfile.TemporaryDirectory() as folder, throwaway_stack(Path(folder) / "soak", tick=TICK) as stack:
        stack.start_afresh()
        yield stack


def _notifications(rows: Iterable[tuple[str, str, int]]) -> Table:
    grid = Table("subject", "step", title="notifications", title_justify="left", title_style="bold")
    grid.add_column("told", justify="right")
    for subject, step, count in rows:
        grid.add_row(subject, step, f"{count:,}")
    return grid


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("week", "lifetimes"), help="one of the two (default: both)")
    parser.add_argument("--accounts", type=int, metavar="N", help="size of the world (default 1,000, or 200)")
    parser.add_argument("--days", type=int, metavar="N", help="simulated days (default 7, or 120)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which world, and which trouble (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the checks to this file too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
