"""What could not be seen, in the words of fct_campaign_blind_spots."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from storykeep.report.figures import NONE
from storykeep.report.screen import number, show, words

ONE = {"accounts": "account", "hours": "hour", "stories": "story"}


@dataclass(frozen=True)
class BlindSpot:
    """A kind of content or number that is not seen. `matters` is yes or maybe, `size` what is known of it."""

    campaign: str
    title: str
    matters: str
    size: Decimal | None
    unit: str | None
    what_happens: str
    what_to_do: str


def blind_spots(conn: psycopg.Connection, campaign_id: str | None) -> tuple[BlindSpot, ...]:
    """Those that matter, of the one campaign or of all, what is certain first."""
    with conn.cursor(row_factory=class_row(BlindSpot)) as cursor:
        return tuple(
            cursor.execute(
                """
                select
                    campaigns.name as campaign,
                    spots.title,
                    spots.matters,
                    spots.size,
                    spots.unit,
                    spots.what_happens,
                    spots.what_to_do
                from fct_campaign_blind_spots as spots
                join dim_campaigns as campaigns using (campaign_id)
                where spots.matters <> 'no' and (%(campaign)s::text is null or campaign_id = %(campaign)s)
                order by campaigns.name, campaign_id, spots.matters desc, spots.place
                """,
                {"campaign": campaign_id},
            )
        )


def show_blind_spots(console: Console, spots: tuple[BlindSpot, ...], *, in_full: bool) -> None:
    """Print what is certain, campaign by campaign, and in a line what may be; `in_full` with what to do about each."""
    if not spots:
        return
    certain = [spot for spot in spots if spot.matters == "yes"]
    possible = dict.fromkeys(spot.title.lower() for spot in spots if spot.matters != "yes")
    columns = [words("Campaign"), words("Blind spot"), number("Known")]
    rows: Iterable[tuple[str, ...]] = [(spot.campaign, spot.title, _size(spot)) for spot in certain]
    notes = [f"Nobody can tell of: {', '.join(possible)}."] if possible else []
    if in_full:
        columns = [words("Blind spot"), number("Known"), words("What that means, and what to do")]
        rows = [(spot.title, _size(spot), f"{spot.what_happens} {spot.what_to_do}") for spot in spots]
        notes = []
    show(console, "What could not be seen", columns, rows, *notes)


def _size(spot: BlindSpot) -> str:
    """`3 stories`; a dash where none is known, or where nothing can be counted."""
    if not spot.size or spot.unit is None:
        return NONE
    return f"{spot.size.normalize():,f} {ONE[spot.unit] if spot.size == 1 else spot.unit}"
