"""The marts of posts, audiences and what could not be seen, row by row as worked out by hand from content.py."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.dbt.conftest import Query
from tests.dbt.world import AS_OF, at

pytestmark = pytest.mark.integration


def tuples(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in rows]


def test_posts_with_their_last_numbers(query: Query) -> None:
    rows = query(
        """
        select post_id, username, content_type, posted_at, last_reading_at, caption, views, reach, likes, comments,
            total_interactions, reposts, bio_link_clicks, total_likes, average_watch_ms, skip_rate
        from marts.fct_posts order by post_id
        """
    )
    old, older = datetime(2024, 7, 1, 23, 59, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    assert tuples(rows) == [
        ("501", "handle_a", "post", at(10, 12), at(11, 12), "New #glow", 250, 180, 5, 3, 26, 0, 5, 24, None, None),
        ("502", "handle_a", "reel", at(11, 9), at(12, 11), None, None, 33, *[None] * 6, 4200, Decimal("12.5")),
        ("503", "handle_b", "reel", at(10, 19), at(11, 3), None, None, 3, *[None] * 8),
        ("504", "handle_a", "post", older, at(10, 1), *[None] * 11),
        ("505", "handle_a", "post", old, at(10, 1), None, 70, *[None] * 9),
    ]


def test_a_post_that_is_withheld_is_neither_unknown_nor_zero(query: Query) -> None:
    rows = query(
        "select post_id, views, views_withheld, reach, reach_withheld, follows_withheld, total_comments_withheld,"
        " facebook_views_withheld from marts.fct_posts where post_id in ('501', '502', '503') order by post_id"
    )
    assert tuples(rows) == [
        ("501", 250, False, 180, False, False, True, False),
        ("502", None, False, 33, False, False, False, False),
        ("503", None, True, 3, False, False, False, False),
    ]


def test_views_go_on_from_impressions_and_are_never_added_to_them(query: Query) -> None:
    rows = query(
        "select exposure_measure, sum(views_or_impressions) as exposure, sum(views) as views,"
        " sum(impressions) as impressions from marts.fct_posts group by exposure_measure order by exposure_measure"
    )
    assert tuples(rows) == [
        ("impressions", 900, None, 900),
        ("views", 320, 320, 90),
        (None, None, None, None),
    ]


def test_an_account_has_the_followers_that_were_told_last(query: Query) -> None:
    rows = query("select account_id, followers, followers_at from marts.dim_accounts order by account_id")
    assert tuples(rows) == [("acc-a", 5100, at(12, 6)), ("acc-b", 80, at(10, 6)), ("acc-n", None, None)]


def test_an_audience_is_counted_or_there_is_a_reason(query: Query) -> None:
    rows = query(
        "select account_id, date, audience, dimension, value, accounts, unavailable_reason from marts.fct_audience"
        " where dimension <> 'age_gender' order by account_id, date, audience, dimension, value"
    )
    of_a = ("acc-a", date(2026, 11, 12), "followers")
    assert tuples(rows) == [
        ("acc-a", date(2026, 11, 10), "followers", "country", "DE", 1000, None),
        ("acc-a", date(2026, 11, 10), "followers", "country", "FR", 3000, None),
        ("acc-a", date(2026, 11, 12), "engaged_this_month", "city", "unavailable", None, "unknown"),
        (*of_a, "age", "18-24", 2500, None),
        (*of_a, "age", "25-34", 1509, None),
        (*of_a, "country", "DE", 1020, None),
        (*of_a, "country", "FR", 3050, None),
        (*of_a, "gender", "F", 3500, None),
        (*of_a, "gender", "M", 500, None),
        (*of_a, "gender", "U", 9, None),
        ("acc-b", date(2026, 11, 11), "followers", "country", "unavailable", None, "below_follower_floor"),
    ]
    joint = query("select value, accounts from marts.fct_audience where dimension = 'age_gender' order by value")
    assert tuples(joint) == [("18-24 F", 2000), ("18-24 M", 500), ("25-34 F", 1500), ("25-34 U", 9)]


def test_a_day_of_an_account_is_one_of_us_pacific_time(query: Query) -> None:
    rows = query(
        """
        select date, ends_at - starts_at as length, is_settled, reach, views, views_by_followers, views_by_others,
            views_of_stories, views_of_ads, accounts_engaged, reposts, follows, unfollows
        from marts.fct_account_insights order by date
        """
    )
    (long_day, day) = tuples(rows)
    assert (str(long_day[1]), str(day[1])) == ("1 day, 1:00:00", "1 day, 0:00:00")
    assert long_day[0] == date(2026, 11, 1)
    assert long_day[2:] == (True, None, None, None, None, None, None, 60, None, None, None)
    assert day[0] == date(2026, 11, 10)
    assert day[2:] == (False, 420, 1000, 900, None, 700, 20, 50, 0, 12, 5)


def test_the_days_reach_from_the_oldest_post_to_a_year_on(query: Query) -> None:
    (ends,) = query("select min(date) as first, max(date) as last, count(*) as days from marts.dim_dates")
    assert tuple(ends.values()) == (date(2024, 2, 29), date(2027, 11, 13), 1354)
    december = ("December", "Monday", False, date(2025, 12, 1), date(2025, 12, 29))
    november = (False, date(2026, 11, 1), date(2026, 11, 9))
    rows = query("select * from marts.dim_dates where date in ('2025-12-29', '2026-11-12', '2026-11-13') order by date")
    assert tuples(rows) == [
        (date(2025, 12, 29), 2025, 4, 12, 29, 1, *december, 2026, 1, True),
        (date(2026, 11, 12), 2026, 4, 11, 12, 4, "November", "Thursday", *november, 2026, 46, True),
        (date(2026, 11, 13), 2026, 4, 11, 13, 5, "November", "Friday", *november, 2026, 46, False),
    ]


def test_a_silence_counts_from_the_last_story_to_the_last_listing(query: Query) -> None:
    rows = query(
        "select account_id, gaps_known, silent_since, listened_until, hours_silent, is_listened_to, is_alarm"
        " from marts.fct_account_silences order by account_id"
    )
    assert tuples(rows) == [
        ("acc-a", 1, at(12, 6), AS_OF, 6, True, False),
        ("acc-b", 0, at(10, 23), at(11, 6), 7, False, False),
    ]


def test_a_campaign_says_what_could_not_be_seen(query: Query) -> None:
    rows = query(
        "select campaign_id, blind_spot, matters, size, unit from marts.fct_campaign_blind_spots"
        " order by campaign_id desc, place"
    )
    assert tuples(rows) == [
        # acc-n took part and never connected; nobody knows what who connected acc-a may do on the Page.
        ("tagged", "accounts_not_connected", "yes", 1, "accounts"),
        ("tagged", "accounts_by_hand", "no", 0, "accounts"),
        ("tagged", "unlisted_hours", "no", 0, "hours"),
        ("tagged", "stories_deleted_early", "maybe", 0, "stories"),
        ("tagged", "reshares", "maybe", None, None),
        ("tagged", "live_videos", "maybe", None, None),
        ("tagged", "second_captions", "maybe", None, None),
        ("tagged", "captions_without_mentions", "maybe", 0, "accounts"),
        ("tagged", "uncounted_replies", "maybe", 1, "stories"),
        ("tagged", "withheld_counts", "yes", 1, "stories"),
        # acc-b was last listed at 6:00 on the 11th, and could have been posting unseen until the campaign ended.
        ("everything", "accounts_not_connected", "no", 0, "accounts"),
        ("everything", "accounts_by_hand", "no", 0, "accounts"),
        ("everything", "unlisted_hours", "yes", 6, "hours"),
        ("everything", "stories_deleted_early", "maybe", 0, "stories"),
        ("everything", "reshares", "maybe", None, None),
        ("everything", "live_videos", "maybe", None, None),
        ("everything", "second_captions", "maybe", None, None),
        ("everything", "captions_without_mentions", "no", 0, "accounts"),
        ("everything", "uncounted_replies", "maybe", 1, "stories"),
        ("everything", "withheld_counts", "yes", 1, "stories"),
    ]
    (words,) = query("select title, what_to_do from marts.fct_campaign_blind_spots where place = 5 limit 1")
    assert words["title"] == "Re-shared stories"
    assert "screenshot" in str(words["what_to_do"])
