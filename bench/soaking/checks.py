"""A named check of what a soak has left behind, and how checks are shown and kept."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

SHOWN = 3
KEPT = 100


@dataclass(frozen=True)
class Check:
    """So many things were looked at, and these are wrong. With nothing to look at it proves nothing, and fails."""

    what: str
    looked_at: int
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether it was looked at and nothing is wrong."""
        return self.looked_at > 0 and not self.wrong


def table(title: str, checks: Iterable[Check]) -> Table:
    """All checks, the first faults of each below it."""
    grid = Table("check", title=title, title_justify="left", title_style="bold", min_width=110)
    for column in ("looked at", "wrong"):
        grid.add_column(column, justify="right", no_wrap=True)
    grid.add_column("holds")
    for check in checks:
        examples = "".join(f"\n  {one}" for one in check.wrong[:SHOWN])
        verdict = "[green]yes[/]" if check.holds else "[red]no[/]"
        grid.add_row(check.what + examples, f"{check.looked_at:,}", f"{len(check.wrong):,}", verdict)
    return grid


def write_json(file: Path, told: Mapping[str, Any], checks: Sequence[Check]) -> None:
    """Write what was run, with what came of it."""
    rows = [
        {
            "check": check.what,
            "looked_at": check.looked_at,
            "wrong": len(check.wrong),
            "examples": check.wrong[:KEPT],
            "holds": check.holds,
        }
        for check in checks
    ]
    file.write_text(json.dumps({**told, "checks": rows}, indent=2) + "\n")
