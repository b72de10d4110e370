"""`make soak`: a simulated week of 1,000 accounts with everything that goes wrong, and what must hold at its end.

Ticks run at the sandbox's virtual times with the real code over a real Postgres: 5xx bursts, throttling, lying lists,
dead tokens, an outage of the API and one of ours, processes killed (-9) at their steps, ticks run twice at once. The
checks at the end hold raw rows, marts and files against the sandbox's journal and truth. Exit status 1 when one fails.
"""

import argparse
import logging
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from soaking.checks import table, write_json
from soaking.soak import World, soak
from stage import TICK, Bench

from storykeep.local.stack import throwaway_stack


def main() -> int:
    """Soak, print the checks, and write them with --json; exit status 1 when one does not hold."""
    options = _options()
    world = World(options.accounts, options.days, options.seed, build_every=timedelta(days=1), orders=1)
    logging.basicConfig(level=logging.ERROR, format="  %(message)s")
    bench = Bench(Console(width=None if sys.stdout.isatty() else 120), quick=False, readings=0)
    with tempfile.TemporaryDirectory() as folder, throwaway_stack(Path(folder) / "soak", tick=TICK) as stack:
        stack.start_afresh()
        outcome = soak(world, stack, bench.step)
    command = f"python bench/soak.py --accounts {world.accounts} --days {world.days} --seed {world.seed}"
    bench.console.print(", ".join(f"{what}: {count}" for what, count in outcome.told.items()), highlight=False)
    bench.console.print(table(command, outcome.checks))
    if options.json:
        write_json(options.json, {"command": command, **outcome.told}, outcome.checks)
    return 0 if all(check.holds for check in outcome.checks) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000, metavar="N", help="size of the world (default 1,000)")
    parser.add_argument("--days", type=int, default=7, metavar="N", help="simulated days (default 7)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which world, and which trouble (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the checks to this file too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
