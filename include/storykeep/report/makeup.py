"""What the numbers of a campaign are made of, and what they cost: the second and third look at it."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console

from storykeep.report.figures import NONE, money, percent, whole
from storykeep.report.performance import Performance
from storykeep.report.screen import label, number, show, words

SHARES = (
    "Of all stories: imported through the API, handed in, withheld (0-4 viewers).",
    "Of the ended ones: final, all is known that can be; missing, no number at all.",
)
COSTS = (
    "CPM: cost of 1,000 known views. Engagement: an interaction, such as a reply.",
    "EMV: views and interactions at assumed rates (dbt/seeds/emv_rates.csv).",
    "Could reach: followers of its creators. Kept: deliverables, of those promised.",
)


def show_makeup(console: Console, rows: Sequence[Performance]) -> None:
    """Print of each campaign with stories what its numbers are made of, and of each with a cost what that bought."""
    if with_stories := [row for row in rows if row.stories]:
        columns = [
            number(name) for name in ("Stories", "Imported", "Handed in", "Withheld", "Final", "Missing", "Live")
        ]
        show(
            console,
            "Where the campaigns' numbers come from",
            [words("Campaign"), *columns],
            [_shares(row) for row in with_stories],
            *SHARES,
        )
    if rows:
        columns = [number(name) for name in ("CPM", "Engagement", "EMV", "Could\nreach")]
        show(
            console,
            "What the campaigns cost, and what came of it",
            [words("Campaign"), number("Cost"), *columns, label("Kept")],
            [_costs(row) for row in rows],
            *COSTS,
        )


def _shares(row: Performance) -> tuple[object, ...]:
    def share(stories: int, of: int) -> str:
        return percent(Decimal(stories) / of) if of else NONE

    return (
        row.campaign,
        f"{row.stories:,}",
        share(row.stories_imported, row.stories),
        share(row.stories_manual, row.stories),
        share(row.stories_withheld, row.stories),
        NONE if row.share_final is None else percent(row.share_final),
        share(row.stories_missing, row.stories - row.stories_live),
        f"{row.stories_live:,}",
    )


def _costs(row: Performance) -> tuple[object, ...]:
    promised = f"{row.deliverables_delivered} of {row.deliverables_promised}" if row.deliverables_promised else NONE
    overdue = f"\n{row.deliverables_overdue} overdue" if row.deliverables_overdue else ""
    return (
        row.campaign,
        money(row.cost, row.currency),
        money(row.cpm, row.currency, 2) if row.cpm is not None else NONE,
        money(row.cost_per_engagement, row.currency, 2) if row.cost_per_engagement is not None else NONE,
        money(row.emv, row.currency) if row.emv is not None else NONE,
        whole(row.potential_reach) if row.potential_reach is not None else NONE,
        promised + overdue,
    )
