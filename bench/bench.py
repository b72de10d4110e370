"""`make bench`: what Storykeep's promises cost and whether they hold, each figure against its alternative in one run.

Absolute times are this machine's; the ratios are what to compare. `--only` measures one subject, `--quick` measures all
at sizes that show that it works and no more: its figures mean little, and it draws no plots.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import capture_quality
import entries_speed
import landing_speed
import marts_speed
import planning_speed
import polling
import sandbox_speed
import task_memory
import tick_speed
from figures import Figure, table, write_json
from rich.console import Console
from stage import Bench

SUBJECTS: Mapping[str, Callable[[Bench], Iterable[Figure]]] = {
    "sandbox": sandbox_speed.measure,
    "tick": tick_speed.measure,
    "planning": planning_speed.measure,
    "landing": landing_speed.measure,
    "entries": entries_speed.measure,
    "capture": capture_quality.measure,
    "polling": polling.measure,
    "memory": task_memory.measure,
    "marts": marts_speed.measure,
}


def main() -> int:
    """Measure, print, and write with --json; exit status 1 when a subject could not be measured."""
    options = _options()
    logging.basicConfig(level=logging.ERROR, format="  %(message)s")
    console = Console(width=None if sys.stdout.isatty() else 120)
    bench = Bench(console, quick=options.quick, readings=options.readings)
    measured, failed = [], []
    for name in options.only or SUBJECTS:
        command = f"python bench/bench.py --only {name}" + (" --quick" if options.quick else "")
        console.print(f"[bold]{name}[/]: {_first_line(name)}")
        try:
            measured.append((command, list(SUBJECTS[name](bench))))
        except Exception as error:  # whatever stops one subject, the others are measured still
            failed.append(name)
            console.print(f"  not measured: {type(error).__name__}: {error}", style="red", markup=False)
    for command, figures in measured:
        console.print(table(command, figures))
    if options.json:
        write_json(options.json, measured, quick=options.quick)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SUBJECTS, action="append", help="one subject; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    parser.add_argument("--quick", action="store_true", help="small sizes, no plots, and no 10,000 accounts")
    parser.add_argument(
        "--readings", type=int, default=1_000_000, metavar="N", help="history of the marts (default 1,000,000)"
    )
    return parser.parse_args()


def _first_line(name: str) -> str:
    return (sys.modules[SUBJECTS[name].__module__].__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
