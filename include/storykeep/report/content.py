"""One campaign from the inside: its creators and its stories."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from storykeep.report.figures import NONE, Count, bare_count, interactions, percent, span, story_count
from storykeep.report.screen import label, number, show, words

# What is said of a story that no listing showed, by its provenance.
BY_HAND = {"manual_capture": "captured", "creator_upload": "uploaded"}


@dataclass(frozen=True)
class CreatorContent:
    """What one creator's account brought to a campaign. `share_final` is of the stories that ended."""

    creator: str
    username: str
    stories: int
    views: int | None
    stories_withheld: int
    stories_unknown: int
    reach_lower: int | None
    reach_upper: int | None
    total_interactions: int | None
    share_final: Decimal | None


@dataclass(frozen=True)
class StoryContent:
    """One story of a campaign, where it comes from and why it counts."""

    story_id: str
    username: str
    posted_at: datetime
    views: int | None
    views_withheld: bool
    reach: int | None
    reach_withheld: bool
    total_interactions: int | None
    total_interactions_withheld: bool
    finality: str
    matched_by: str
    provenance: str = "api"


def campaign_creators(conn: psycopg.Connection, campaign_id: str) -> tuple[CreatorContent, ...]:
    """The accounts whose stories count, most views first."""
    with conn.cursor(row_factory=class_row(CreatorContent)) as cursor:
        return tuple(
            cursor.execute(
                """
                select
                    creators.name as creator,
                    accounts.username,
                    count(*) as stories,
                    sum(stories.views)::bigint as views,
                    count(*) filter (where stories.views_withheld) as stories_withheld,
                    count(*) filter (where stories.views is null and not stories.views_withheld) as stories_unknown,
                    coalesce(max(stories.reach), case when bool_or(stories.reach_withheld) then 0 end)::bigint
                        as reach_lower,
                    sum(coalesce(stories.reach, stories.withheld_upper_bound))::bigint as reach_upper,
                    sum(stories.total_interactions)::bigint as total_interactions,
                    avg(stories.is_final::integer)
                        filter (where stories.finality <> 'live') as share_final
                from fct_campaign_content as content
                join fct_stories as stories using (story_id)
                join dim_accounts as accounts on stories.account_id = accounts.account_id
                join dim_creators as creators using (creator_id)
                where content.campaign_id = %s
                group by creators.name, accounts.account_id, accounts.username
                order by views desc nulls last, accounts.username
                """,
                [campaign_id],
            )
        )


def campaign_stories(conn: psycopg.Connection, campaign_id: str) -> tuple[StoryContent, ...]:
    """The stories that count, in the order in which they were posted."""
    with conn.cursor(row_factory=class_row(StoryContent)) as cursor:
        return tuple(
            cursor.execute(
                """
                select
                    story_id,
                    stories.username,
                    stories.posted_at,
                    stories.views,
                    stories.views_withheld,
                    stories.reach,
                    stories.reach_withheld,
                    stories.total_interactions,
                    stories.total_interactions_withheld,
                    stories.finality,
                    content.matched_by,
                    stories.provenance
                from fct_campaign_content as content
                join fct_stories as stories using (story_id)
                where content.campaign_id = %s
                order by stories.posted_at, story_id
                """,
                [campaign_id],
            )
        )


def show_creators(console: Console, creators: tuple[CreatorContent, ...]) -> None:
    """Print the creators of a campaign."""
    show(
        console,
        "Its creators",
        [
            words("Creator"),
            words("Account"),
            number("Stories"),
            number("Views"),
            number("Reach"),
            number("Inter-\nactions"),
            number("Final"),
        ],
        [
            (
                row.creator,
                f"@{row.username}",
                row.stories,
                Count(row.views, row.stories_withheld, row.stories_unknown),
                span(row.reach_lower, row.reach_upper),
                interactions(row.total_interactions, row.stories_withheld),
                NONE if row.share_final is None else percent(row.share_final),
            )
            for row in creators
        ],
        "Creators with a story that counts for the campaign; most views first.",
    )


def show_stories(console: Console, stories: tuple[StoryContent, ...]) -> None:
    """Print the stories of a campaign."""
    show(
        console,
        "Its stories",
        [
            label("Posted (UTC)"),
            words("Account"),
            number("Views"),
            number("Reach"),
            number("Inter-\nactions"),
            label("Finality"),
            label("Counts by"),
        ],
        [
            (
                f"{row.posted_at:%m-%d %H:%M}",
                f"@{row.username}",
                story_count(row.views, row.views_withheld),
                bare_count(row.reach, row.reach_withheld),
                bare_count(row.total_interactions, row.total_interactions_withheld),
                "\n".join(filter(None, (row.finality, BY_HAND.get(row.provenance)))),
                row.matched_by,
            )
            for row in stories
        ],
        "0-4: withheld by the API. Counts by participant: the campaign has no rules.",
        "Counts by manual: a person put it into the campaign.",
        *(["Captured, uploaded: people entered it by hand, no listing showed it."] if _any_by_hand(stories) else []),
    )


def _any_by_hand(stories: tuple[StoryContent, ...]) -> bool:
    return any(row.provenance in BY_HAND for row in stories)
