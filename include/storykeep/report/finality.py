"""How the final numbers of the stories were obtained."""

from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from storykeep.report.figures import NONE, Count, counted, percent, span, whole
from storykeep.report.screen import label, number, show, words

# In the order in which they are shown.
MEANINGS = {
    "webhook": "sent by Instagram after expiry",
    "sweep": "read in the last 10 minutes",
    "manual": "typed in by a person",
    "masked": "fewer than 5 viewers: withheld by the API",
    "late": "last read earlier than that",
    "missing": "never read nor entered, or withheld too early to tell",
    "live": "still running",
}


@dataclass(frozen=True)
class FinalityClass:
    """The stories of one class and their views; `by_hand` are those that no listing showed and people entered.

    `undercount` are the views that they had after their last readings, estimated; the bounds are the sums of those of
    each story.
    """

    finality: str
    stories: int
    views: int | None
    stories_withheld: int
    stories_unknown: int
    undercount: int | None = None
    undercount_low: int | None = None
    undercount_high: int | None = None
    by_hand: int = 0


@dataclass(frozen=True)
class Loss:
    """How many late and missing stories have no last reading for one cause."""

    cause: str
    stories: int


def finality_classes(conn: psycopg.Connection, campaign_id: str | None) -> tuple[FinalityClass, ...]:
    """The classes that occur, of all stories or of one campaign's."""
    with conn.cursor(row_factory=class_row(FinalityClass)) as cursor:
        found = cursor.execute(
            f"""
            select
                finality,
                count(*) as stories,
                sum(views)::bigint as views,
                count(*) filter (where views_withheld) as stories_withheld,
                count(*) filter (where views is null and not views_withheld) as stories_unknown,
                round(sum(estimated_undercount))::bigint as undercount,
                sum(estimated_undercount_low)::bigint as undercount_low,
                sum(estimated_undercount_high)::bigint as undercount_high,
                count(*) filter (where provenance in ('manual_capture', 'creator_upload')) as by_hand
            from fct_stories
            where {_OF_CAMPAIGN}
            group by finality
            """,  # noqa: S608 (the part put in is a constant of this file)
            {"campaign": campaign_id},
        ).fetchall()
    order = list(MEANINGS)
    return tuple(sorted(found, key=lambda row: order.index(row.finality)))


def losses(conn: psycopg.Connection, campaign_id: str | None) -> tuple[Loss, ...]:
    """The causes that occur, the most frequent first, of all stories or of one campaign's."""
    with conn.cursor(row_factory=class_row(Loss)) as cursor:
        return tuple(
            cursor.execute(
                f"""
                select loss_cause as cause, count(*) as stories
                from fct_stories
                where loss_cause is not null and {_OF_CAMPAIGN}
                group by loss_cause
                order by stories desc, cause
                """,  # noqa: S608 (the part put in is a constant of this file)
                {"campaign": campaign_id},
            )
        )


_OF_CAMPAIGN = """(
    %(campaign)s::text is null
    or story_id in (select story_id from fct_campaign_content where campaign_id = %(campaign)s)
)"""


def show_finality(console: Console, classes: tuple[FinalityClass, ...], lost: tuple[Loss, ...]) -> None:
    """Print the classes, and why stories were not read to their end; the shares are of the stories that have ended."""
    ended = sum(row.stories for row in classes if row.finality != "live")
    by_hand = sum(row.by_hand for row in classes)
    show(
        console,
        "Stories by finality",
        [label("Finality"), number("Stories"), number("Share"), number("Views"), words("How the views were obtained")],
        [
            (
                row.finality,
                f"{row.stories:,}",
                NONE if row.finality == "live" else percent(row.stories / ended),
                Count(row.views, row.stories_withheld, row.stories_unknown),
                MEANINGS[row.finality],
            )
            for row in classes
        ],
        f"Shares are of the {counted(ended, 'story', 'stories')} that ended. All but late and missing are final.",
        *([f"Entered by hand, shown by no listing: {counted(by_hand, 'story', 'stories')}."] if by_hand else []),
        *(
            f"Later views of {row.finality} stories: about {whole(row.undercount)}"
            f" ({span(row.undercount_low, row.undercount_high)}), not added."
            for row in classes
            if row.undercount is not None
        ),
        *(f"Not read to the end for {one.cause}: {counted(one.stories, 'story', 'stories')}." for one in lost),
    )
