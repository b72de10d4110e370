"""The release checkpoint: what must hold of the built marts before anybody reads them."""

import logging
from datetime import datetime
from typing import Any

import psycopg

from storykeep.quality import approval, reconciliation
from storykeep.quality.changes import LARGE
from storykeep.quality.checkpoint import Batch, never, run
from storykeep.settings import Keep, Settings
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

FINALITIES = ["webhook", "sweep", "masked", "manual", "late", "missing", "live"]
# What is expected of these holds or not of each story by itself, whatever the moment of the build.
BY_STORY = {"fct_story_readings"}


def check_release(settings: Settings, as_of: datetime) -> int:
    """Check the marts in schema `build` and approve them for publication; returns how many expectations they met.

    Raises StorykeepError naming the failed expectations with their tables and samples.
    """
    with connect(settings.warehouse, "storykeep_transform") as conn:
        batches = [
            Batch(f"build.{mart}", _rows(conn, mart), expected)
            for mart, expected in expectations(as_of, settings.keep).items()
        ]
    approval.withdraw(settings)
    met = run(settings, "release", batches, as_of)
    approval.approve(settings, as_of)
    log.info("release checkpoint: %d marts met %d expectations", len(batches), met)
    return met


def _rows(conn: psycopg.Connection, mart: str) -> str:
    """The query for what is to be checked: everything, or where each row speaks for its story alone, what changed.

    Whatever did not change was approved when it was published.
    """
    every = f"select * from build.{mart}"  # noqa: S608 (a name of ours)
    if mart not in BY_STORY or not LARGE[mart].are_known(conn):
        return every
    return f"{every} where {LARGE[mart].among.as_string(conn)}"


def expectations(as_of: datetime, keep: Keep) -> dict[str, list[Any]]:
    """What is expected of the marts that are about the moment `as_of`, with the stories that are to be kept."""
    import great_expectations.expectations as gxe

    now = f"timestamptz '{as_of.isoformat()}'"

    each: dict[str, list[Any]] = {
        "dim_accounts": [
            gxe.ExpectColumnValuesToBeUnique(column="account_id"),
            gxe.ExpectColumnValuesToNotBeNull(column="status"),
            never(
                "an account that is not tracked has no connection, one that is connected has",
                "select account_id, status, login_flavour, connected_at from {batch}"
                " where status = 'not_tracked' and connected_at is not null or is_connected and connected_at is null",
            ),
            never(
                "an account is connected since some moment, or not connected",
                "select account_id, status, connected_since from {batch}"
                " where is_connected <> (connected_since is not null)",
            ),
            never(
                "an account in good health is connected and was captured",
                "select account_id, health, last_good_capture_at from {batch}"
                " where health = 'healthy' and not (is_connected and last_good_capture_at is not null)",
            ),
        ],
        "fct_stories": [
            gxe.ExpectColumnValuesToBeUnique(column="story_id"),
            gxe.ExpectColumnValuesToBeInSet(column="finality", value_set=FINALITIES),
            _all_of_the_campaigns() if keep.matched_only else _all_that_landed(now),
            never(
                "a story is live until it expires, and no longer",
                "select story_id, finality, expires_at from {batch}"  # noqa: S608 (a time of ours)
                f" where (finality = 'live') <> (expires_at > {now})",
            ),
            never(
                "a withheld count is no number",
                "select story_id, views, reach from {batch}"
                " where (views_withheld and views is not null) or (reach_withheld and reach is not null)",
            ),
            never(
                "a story with final numbers has its views, or they are withheld",
                "select story_id, finality from {batch}"
                " where finality in ('webhook', 'sweep', 'late', 'manual') and views is null"
                " or finality = 'masked' and not views_withheld",
            ),
            never(
                "a story is by hand as long as no listing showed it",
                "select story_id, provenance from {batch}"
                " where starts_with(story_id, 'manual:') <> (provenance <> 'api')",
            ),
            never(
                "the views have a source where they are known or withheld, a person where they are final by hand",
                "select story_id, finality, views, views_source from {batch}"
                " where (views_source is null) <> (views is null and not views_withheld)"
                " or finality = 'manual' and views_source is distinct from 'manual'",
            ),
            never(
                "reach is at most views",
                "select story_id, reach, views from {batch} where reach > views",
                severity="warning",
            ),
        ],
        "fct_story_readings": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["story_id", "captured_at"]),
            never(
                "views never fall from one reading to a later one",
                "select story_id, captured_at, views, before from (select *, max(views) over (partition by story_id"
                " order by captured_at rows between unbounded preceding and 1 preceding) as before from {batch})"
                " as readings where views < before",
                severity="warning",
            ),
        ],
        "fct_story_sequences": [
            gxe.ExpectColumnValuesToBeUnique(column="sequence_id"),
            never(
                "the frames of a sequence are stories",
                "select sequence_id, sequences.frames, counted from {batch} as sequences full join (select sequence_id,"
                " count(*) as counted from build.fct_stories group by sequence_id) as stories using (sequence_id)"
                " where sequences.frames is distinct from counted",
            ),
        ],
        "fct_metric_audit": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["entry_id", "version", "metric"]),
            never(
                "of a story's metric one edit stands at most, and it is approved",
                "select story_id, metric, count(*) as standing from {batch} where is_winner"
                " group by story_id, metric having count(*) > 1 or not bool_and(status = 'approved')",
            ),
        ],
        **_content(now),
        "fct_campaign_content": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["campaign_id", "content_id"]),
        ],
        "fct_campaign_performance": [
            gxe.ExpectColumnValuesToBeUnique(column="campaign_id"),
            gxe.ExpectColumnValuesToBeBetween(column="share_final", min_value=0, max_value=1),
            never(
                "reach lies between its bounds",
                "select campaign_id, reach_lower, reach_upper from {batch} where reach_lower > reach_upper",
            ),
        ],
        "fct_capture_coverage": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["account_id", "date"]),
            never(
                "a gap of more than an hour has a cause, a shorter one has none",
                "select account_id, date, longest_gap_minutes, gap_cause from {batch}"
                " where (longest_gap_minutes > 60) <> (gap_cause is not null)",
            ),
        ],
        "fct_connection_health": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["account_id", "date"]),
            never(
                "every day since the account was added is there once",
                "select account_id, count(*) as days from {batch}"
                " group by account_id having max(date) - min(date) + 1 <> count(*)",
            ),
        ],
        "fct_consents": [
            gxe.ExpectColumnValuesToBeUnique(column="consent_id"),
            never(
                "a consent that ended did so after it was given, and for a reason",
                "select consent_id, given_at, ended_at, end_reason from {batch}"
                " where ended_at < given_at or (ended_at is null) <> (end_reason is null)",
            ),
        ],
    }
    together = reconciliation.expectations()
    return {mart: [*each.get(mart, ()), *together.get(mart, ())] for mart in each | together}


def _content(now: str) -> dict[str, list[Any]]:
    """The same of posts, audiences and what could not be seen."""
    import great_expectations.expectations as gxe

    return {
        "dim_dates": [
            gxe.ExpectColumnValuesToBeUnique(column="date"),
            never(
                "no day is missing between the first and the last",
                "select min(date) as first, max(date) as last, count(*) as days from {batch}"
                " having max(date) - min(date) + 1 <> count(distinct date)",
            ),
        ],
        "fct_posts": [
            gxe.ExpectColumnValuesToBeUnique(column="post_id"),
            never(
                "every post that landed is in the mart",
                "select media_id from {batch} as kept right join (select media_id, min(landing_id)"  # noqa: S608 (a time of ours)
                f" as landing_id from raw.media where captured_at <= {now} and {_is_let_in('media', now)}"
                " and payload ->> 'media_product_type' is distinct from 'STORY' group by media_id) as landed"
                " on kept.post_id = landed.media_id where kept.post_id is null"
                " and landed.landing_id <= (select media from intermediate.int_landing__taken_in)",
            ),
            never(
                "a withheld count of a post is no number",
                "select post_id, views, reach from {batch}"
                " where (views_withheld and views is not null) or (reach_withheld and reach is not null)",
            ),
            never(
                "views and impressions are not added up",
                "select post_id, views, impressions, views_or_impressions from {batch}"
                " where views_or_impressions is distinct from coalesce(views, impressions)",
            ),
            never(
                "the reach of a post is at most its views",
                "select post_id, reach, views from {batch} where reach > views",
                severity="warning",
            ),
        ],
        "fct_audience": [
            gxe.ExpectCompoundColumnsToBeUnique(
                column_list=["account_id", "date", "audience", "dimension", "value"],
            ),
            never(
                "an audience is counted, or there is a reason",
                "select account_id, date, audience, dimension, value from {batch}"
                " where (accounts is null) <> (unavailable_reason is not null)",
            ),
        ],
        "fct_account_insights": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["account_id", "date"]),
            never(
                "a day of Meta has 23 to 25 hours",
                "select account_id, date, starts_at, ends_at from {batch}"
                " where extract(epoch from ends_at - starts_at) not in (23 * 3600, 24 * 3600, 25 * 3600)",
            ),
            never(
                "the views of stories are at most those of the account",
                "select account_id, date, views_of_stories, views from {batch} where views_of_stories > views",
                severity="warning",
            ),
        ],
        "fct_account_silences": [
            gxe.ExpectColumnValuesToBeUnique(column="account_id"),
            never(
                "an alarm is of an account that is listened to and silent",
                "select account_id, hours_silent, usual_gap_hours from {batch}"
                " where is_alarm and (not is_listened_to or hours_silent < 3 * usual_gap_hours) is not false",
            ),
        ],
        "fct_campaign_blind_spots": [
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["campaign_id", "blind_spot"]),
            never(
                "every campaign has every blind spot",
                "select campaign_id, count(*) as told from {batch} group by campaign_id"
                " having count(distinct blind_spot) filter (where blind_spot in (select spots.blind_spot from"
                " staging.blind_spots as spots)) <> (select count(*) from staging.blind_spots)",
            ),
            never(
                "what matters for certain has a size",
                "select campaign_id, blind_spot from {batch} where matters = 'yes' and (size > 0) is not true",
            ),
            never(
                "the counts kept back are those of the campaign's performance",
                "select campaign_id, size, stories_withheld, stories from {batch} as spots"
                " join build.fct_campaign_performance as performance using (campaign_id)"
                " where blind_spot = 'withheld_counts' and size not between stories_withheld and stories",
            ),
        ],
    }


def _all_that_landed(now: str) -> Any:
    """What lands while a build is under way is for the next one."""
    return never(
        "every story that landed is in the mart",
        "select story_id, landed.landing_id from {batch} as kept full join (select story_id, min(landing_id)"  # noqa: S608 (a time of ours)
        f" as landing_id from raw.stories where captured_at <= {now} and {_is_let_in('stories', now)}"
        " group by story_id) as landed using (story_id)"
        " where landed.story_id is null and kept.provenance = 'api' or (kept.story_id is null and landed.landing_id <="
        " (select stories from intermediate.int_landing__taken_in))",
    )


def _is_let_in(table: str, now: str) -> str:
    """The condition that a row of schema raw is not in quarantine."""
    return (
        f"landing_id not in (select quarantine.landing_id from app.quarantine where table_name = '{table}'"  # noqa: S608
        f" and (released_at is null or released_at > {now}))"
    )


def _all_of_the_campaigns() -> Any:
    return never(
        "the stories in the mart are those of the campaigns",
        "select story_id, content.story_id as matched from {batch} as kept full join"
        " (select distinct story_id from build.fct_campaign_content where story_id is not null) as content"
        " using (story_id)"
        " where kept.story_id is null or content.story_id is null",
    )
