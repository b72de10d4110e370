"""How the campaigns did: one row each."""

from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from storykeep.errors import StorykeepError
from storykeep.report.figures import NONE, Count, counted, interactions, percent, span
from storykeep.report.screen import label, number, show, words

NOTES = (
    "Withheld: the API tells no count below 5. The figures are those of stories.",
    "Reach: from that of the widest story to the sum. Final: of the ended stories.",
)
NONE_YET = ("None yet. -> run: storykeep campaigns import FILE.yaml, then storykeep build",)


@dataclass(frozen=True)
class Performance:
    """A row of marts.fct_campaign_performance with its names. `participants` counts the creators of the roster."""

    campaign_id: str
    campaign: str
    brand: str
    participants: int
    creators: int
    stories: int
    views: int | None
    stories_withheld: int
    stories_unknown: int
    reach_lower: int | None
    reach_upper: int | None
    total_interactions: int | None
    cost: Decimal | None
    currency: str
    cpm: Decimal | None
    share_final: Decimal | None
    posts: int = 0
    stories_imported: int = 0
    stories_manual: int = 0
    stories_missing: int = 0
    stories_live: int = 0
    cost_per_engagement: Decimal | None = None
    emv: Decimal | None = None
    potential_reach: int | None = None
    deliverables_promised: int = 0
    deliverables_delivered: int = 0
    deliverables_overdue: int = 0


def performances(conn: psycopg.Connection, campaign_id: str | None) -> tuple[Performance, ...]:
    """All campaigns by brand and start, or the one."""
    with conn.cursor(row_factory=class_row(Performance)) as cursor:
        return tuple(
            cursor.execute(
                """
                select
                    campaign_id,
                    campaigns.name as campaign,
                    brands.name as brand,
                    performance.participants,
                    performance.creators,
                    performance.stories,
                    performance.views,
                    performance.stories_withheld,
                    performance.stories_unknown,
                    performance.reach_lower,
                    performance.reach_upper,
                    performance.total_interactions,
                    performance.cost,
                    performance.currency,
                    performance.cpm,
                    performance.share_final,
                    performance.posts,
                    performance.stories_imported,
                    performance.stories_manual,
                    performance.stories_missing,
                    performance.stories_live,
                    performance.cost_per_engagement,
                    performance.emv,
                    performance.potential_reach,
                    performance.deliverables_promised,
                    performance.deliverables_delivered,
                    performance.deliverables_overdue
                from fct_campaign_performance as performance
                join dim_campaigns as campaigns using (campaign_id)
                join dim_brands as brands on performance.brand_id = brands.brand_id
                where %(campaign)s::text is null or campaign_id = %(campaign)s
                order by brands.name, campaigns.starts_at, campaign_id
                """,
                {"campaign": campaign_id},
            )
        )


def campaign_named(conn: psycopg.Connection, name: str) -> str:
    """The id of the campaign with this id, or else with this name. Raises StorykeepError unless it is exactly one."""
    known: dict[str, str] = dict(
        conn.execute("select campaign_id, name from dim_campaigns order by campaign_id").fetchall()
    )
    if name in known:
        return name
    found = [campaign_id for campaign_id, called in known.items() if called.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    raise StorykeepError(
        f"{len(found) or 'no'} campaigns of the last build are called {name!r}",
        where="--campaign",
        remedy=f"give one of these ids: {', '.join(found or known) or 'there are none yet'}",
    )


def show_performance(console: Console, rows: tuple[Performance, ...]) -> None:
    """Print the campaigns, two lines each."""
    show(
        console,
        "Campaigns",
        [
            words("Campaign\nBrand"),
            label("Content"),
            number("Views"),
            number("Reach\nbetween"),
            number("Inter-\nactions"),
            number("Final"),
        ],
        [_cells(row) for row in rows],
        *(NOTES if rows else NONE_YET),
    )


def _cells(row: Performance) -> tuple[object, ...]:
    names = f"{row.campaign}\n{row.brand}"
    # Nobody takes part in a campaign that counts whoever says so.
    of_whom = f"{row.creators} of {counted(row.participants, 'creator')}"
    creators = of_whom if row.participants else counted(row.creators, "creator")
    content = f"{creators}\n{counted(row.stories, 'story', 'stories')}"
    if row.posts:
        content += f"\n{counted(row.posts, 'post')}"
    if not row.stories:
        return (names, content, NONE, NONE, NONE, NONE)
    return (
        names,
        content,
        Count(row.views, row.stories_withheld, row.stories_unknown),
        span(row.reach_lower, row.reach_upper).replace("-", "-\n"),
        interactions(row.total_interactions, row.stories_withheld),
        NONE if row.share_final is None else percent(row.share_final),
    )
