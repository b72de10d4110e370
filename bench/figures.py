"""A measured figure, whether it reaches its target, and how figures are shown and kept."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line of the table; `at_least` or `at_most` is its target, neither means that it only informs."""

    what: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the value is on the good side of its target; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None:
            return f"at least {_number(self.at_least)} {self.unit}".rstrip()
        return "" if self.at_most is None else f"at most {_number(self.at_most)} {self.unit}".rstrip()

    @property
    def shown(self) -> str:
        """The value with its unit."""
        return f"{_number(self.value)} {self.unit}".rstrip()


def table(command: str, figures: Iterable[Figure]) -> Table:
    """The figures of one subject under the command that measures them again."""
    grid = Table("figure", title=command, title_justify="left", title_style="bold", min_width=110)
    for column in ("measured", "to reach"):
        grid.add_column(column, justify="right", no_wrap=True)
    grid.add_column("reached")
    for figure in figures:
        grid.add_row(figure.what, figure.shown, figure.target, _verdict(figure.reached))
    return grid


def write_json(file: Path, measured: Sequence[tuple[str, Sequence[Figure]]], *, quick: bool) -> None:
    """Write all figures, by command, with what they were measured on."""
    document = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "quick": quick,
        "figures": [_row(command, figure) for command, figures in measured for figure in figures],
    }
    file.write_text(json.dumps(document, indent=2) + "\n")


def _row(command: str, figure: Figure) -> dict[str, Any]:
    return {"command": command, **vars(figure), "reached": figure.reached}


def _verdict(reached: bool | None) -> str:
    return "" if reached is None else "[green]yes[/]" if reached else "[red]no[/]"


def _number(value: float) -> str:
    """At most two decimals, and three just below 100, where shares are told apart by them."""
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.{3 if value > 99 else 2}f}"
