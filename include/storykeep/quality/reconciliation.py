"""What must hold between marts, however each of them was built: what one adds up, another has row by row."""

from typing import Any

from storykeep.quality.checkpoint import never

# Additive over days and over creators. A campaign's reach is none of these.
ADDITIVE = ("stories", "posts", "stories_final", "stories_withheld", "views", "total_interactions", "link_clicks")


def expectations() -> dict[str, list[Any]]:
    """What is expected of a mart in view of the others."""
    import great_expectations.expectations as gxe

    return {
        "fct_campaign_content": [
            never(
                "what counts for a campaign is in the mart of its kind",
                "select content.campaign_id, content.content_id from {batch} as content"
                " left join build.fct_stories as stories on content.story_id = stories.story_id"
                " left join build.fct_posts as posts on content.post_id = posts.post_id"
                " where stories.story_id is null and posts.post_id is null",
            ),
        ],
        "fct_campaign_performance": [
            _counted("stories", "story_id"),
            _counted("posts", "post_id"),
        ],
        "fct_campaign_daily": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["campaign_id", "date"]),
            _adds_up("the days of a campaign add up to it"),
        ],
        "fct_campaign_creators": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["campaign_id", "creator_id"]),
            _adds_up("the creators of a campaign add up to it"),
        ],
        "fct_story_readings": [
            # The last number that was read is the one that is told, unless a person or the webhook told another.
            never(
                "the views of a story are those of its last reading",
                "select story_id, views, read from build.fct_stories join (select distinct on (story_id) story_id,"
                " views as read from {batch} as readings where views is not null"
                " order by story_id, captured_at desc) as last using (story_id)"
                " where views_source = 'poll' and views is distinct from read",
            ),
        ],
    }


def _counted(column: str, key: str) -> Any:
    return never(
        f"a campaign's {column} are those of its content",
        f"select campaign_id, {column}, counted from (select performance.campaign_id, performance.{column},"  # noqa: S608 (names of ours)
        f" count(content.{key}) as counted from {{batch}} as performance left join build.fct_campaign_content"
        " as content on performance.campaign_id = content.campaign_id"
        f" group by performance.campaign_id, performance.{column}) as both_counts where {column} <> counted",
    )


def _adds_up(claim: str) -> Any:
    """That the rows of a campaign add up to its row; without any row, to nothing."""
    sums = ", ".join(f"coalesce(sum({column}), 0) as {column}" for column in ADDITIVE)
    whole = ", ".join(f"coalesce(performance.{column}, 0)" for column in ADDITIVE)
    parts = ", ".join(f"coalesce(parts.{column}, 0)" for column in ADDITIVE)
    return never(
        claim,
        f"select performance.campaign_id, row({whole})::text as whole, row({parts})::text as parts"  # noqa: S608 (names of ours)
        " from build.fct_campaign_performance as performance"
        f" left join (select campaign_id, {sums} from {{batch}} as rows group by campaign_id) as parts"
        f" using (campaign_id) where row({whole}) is distinct from row({parts})",
    )
