"""The two pictures of the README, transparent and in colours that are readable on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

FOLDER = Path(__file__).parent / "plots"
INCHES = (7.5, 3.0)
DOTS_PER_INCH = 120
INK, GOOD, BAD = "#808790", "#3f8fd2", "#d9704a"
LAST_MINUTE = 15


def ages(minutes: Sequence[float]) -> Path:
    """How old the last reading was when the story expired, in minutes; returns the file."""
    figure, axes = _canvas("Age of the last reading when a story expires")
    _, edges, bars = axes.hist(
        [min(age, LAST_MINUTE - 0.5) for age in minutes],
        bins=range(LAST_MINUTE + 1),
        weights=[1 / len(minutes)] * len(minutes),
        rwidth=0.9,
        color=GOOD,
    )
    for left, bar in zip(edges, bars.patches, strict=False):
        bar.set_color(GOOD if left < 10 else BAD)
    axes.set_xticks([0, 5, 10, LAST_MINUTE - 0.5], ["0", "5", "10", f"{LAST_MINUTE - 1} or more"])
    axes.axvline(10, color=INK, linewidth=1, linestyle=":")
    axes.set_xlabel(f"minutes ({len(minutes):,} stories; right of the dotted line a reading is not final)")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _save(figure, "last_reading_age.png")


def strategies(shares: Mapping[str, float]) -> Path:
    """Views kept of those in truth (0 to 1), by polling strategy; returns the file."""
    figure, axes = _canvas("Views kept (and lost, in orange) by how often a story is read")
    names = list(shares)
    axes.barh(names, [1.0] * len(names), color=BAD, alpha=0.55)
    axes.barh(names, list(shares.values()), color=[INK] * (len(names) - 1) + [GOOD])
    for place, share in enumerate(shares.values()):
        axes.text(1.015, place, f"{share:.2%}".replace("%", " %"), va="center", color=INK)
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _save(figure, "views_kept.png")


def _canvas(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.tick_params(colors=INK, length=0)
    axes.xaxis.label.set_color(INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    axes.patch.set_alpha(0)
    return figure, axes


def _save(figure: Figure, name: str) -> Path:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / name
    figure.savefig(file, dpi=DOTS_PER_INCH, transparent=True, metadata={"Software": None})
    return file
