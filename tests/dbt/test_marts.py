"""The marts of the small world, row by row as worked out by hand from world.py."""

from decimal import Decimal

import pytest
from tests.dbt.conftest import Query
from tests.dbt.world import at

pytestmark = pytest.mark.integration


def test_stories_with_their_finality_and_last_counts(query: Query) -> None:
    rows = query(
        """
        select story_id, finality, is_final, loss_cause, views, reach, views_withheld, last_reading_at,
            last_reading_age_minutes, estimated_undercount, estimated_undercount_low, estimated_undercount_high,
            withheld_upper_bound
        from marts.fct_stories order by story_id
        """
    )
    assert [tuple(row.values()) for row in rows] == [
        ("101", "sweep", True, None, 1000, 700, False, at(11, 7, 55), 5, 5, 0, 11, None),
        ("102", "late", False, "our_outage", 300, 200, False, at(11, 5), 240, None, None, None, None),
        ("103", "masked", True, None, None, None, True, at(11, 9, 55), 5, None, None, None, 4),
        ("104", "missing", False, "token", None, None, False, at(11, 1), 22 * 60, None, None, None, None),
        ("105", "live", False, None, 40, 30, False, at(12, 11), 60, None, None, None, 4),  # its link clicks are
        ("106", "live", False, None, None, None, False, None, None, None, None, None, None),
    ]


def test_what_else_is_known_of_a_story(query: Query) -> None:
    (row,) = query(
        """
        select account_id, ig_user_id, username, posted_at, expires_at, first_seen_at, provenance, consent_basis,
            media_type, caption, media_status, media_path, total_interactions, replies, shares
        from marts.fct_stories where story_id = '101'
        """
    )
    assert tuple(row.values()) == (
        *("acc-a", "17841", "handle_a", at(10, 8), at(11, 8), at(10, 8, 5), "api", "creator_authorisation"),
        *("IMAGE", "A new #Glow, day 1", "archived", f"ab/{'ab' * 32}.jpg", 38, 0, None),
    )


def test_a_part_left_out_of_a_whole_breakdown_is_zero_and_unknown_otherwise(query: Query) -> None:
    rows = query(
        """
        select taps_forward, taps_back, exits, swipes_forward
        from marts.fct_stories where story_id < '103' order by story_id
        """
    )
    assert [tuple(row.values()) for row in rows] == [(50, 4, 6, 0), (50, None, None, None)]


def test_link_clicks_are_withheld_by_themselves_and_unknown_where_they_were_not_asked(query: Query) -> None:
    rows = query(
        "select story_id, link_clicks, link_clicks_withheld, shares_withheld from marts.fct_stories"
        " where story_id in ('101', '103', '105', '106') order by story_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("101", 7, False, False),
        ("103", None, True, True),
        ("105", None, True, False),
        ("106", None, False, False),
    ]
    curve = query(
        "select story_id, link_clicks, link_clicks_withheld, is_withheld from marts.fct_story_readings"
        " where story_id in ('101', '103', '104', '105') order by story_id, captured_at"
    )
    assert [tuple(row.values()) for row in curve] == [
        ("101", 6, False, False),
        ("101", 7, False, False),
        ("103", None, True, True),
        ("104", None, False, True),
        ("105", None, False, True),
        ("105", None, True, False),
    ]
    total = query("select campaign_id, link_clicks from marts.fct_campaign_performance order by campaign_id")
    assert [row["link_clicks"] for row in total] == [7, 7]


def test_readings_are_the_growth_curve(query: Query) -> None:
    rows = query(
        "select story_id, age_minutes, is_withheld, views from marts.fct_story_readings order by story_id, captured_at"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("101", 23 * 60 + 45, False, 990),
        ("101", 23 * 60 + 55, False, 1000),
        ("102", 20 * 60, False, 300),
        ("103", 23 * 60 + 55, True, None),
        ("104", 2 * 60, True, None),
        ("105", 30, True, None),
        ("105", 300, False, 40),
    ]


def test_campaign_content_by_rule_and_by_participation(query: Query) -> None:
    rows = query("select * from marts.fct_campaign_content order by campaign_id, content_id")
    taking_part = ("participant", "posted while taking part", "medium")
    assert [tuple(row.values()) for row in rows] == [
        ("everything", "101", "story", "101", None, "acc-a", *taking_part, 2),
        ("everything", "102", "story", "102", None, "acc-a", *taking_part, 1),
        ("everything", "103", "story", "103", None, "acc-a", *taking_part, 2),
        ("everything", "104", "story", "104", None, "acc-b", *taking_part, 1),
        ("everything", "501", "post", None, "501", "acc-a", *taking_part, 2),
        ("everything", "503", "reel", None, "503", "acc-b", *taking_part, 1),
        ("tagged", "101", "story", "101", None, "acc-a", "hashtag", "#glow", "high", 2),
        ("tagged", "103", "story", "103", None, "acc-a", "hashtag", "#glow @lumen.paris", "high", 2),
        ("tagged", "501", "post", None, "501", "acc-a", "hashtag", "#glow", "high", 2),
    ]


def test_campaign_performance_with_its_bounds(query: Query) -> None:
    everything, tagged = query(
        """
        select campaign_id, brand_id, stories, posts, creators, participants, views, views_upper,
            reach_lower, reach_upper, total_interactions, cost, cpm, cost_per_engagement,
            stories_live, stories_withheld, stories_unknown, share_final
        from marts.fct_campaign_performance order by campaign_id
        """
    )
    assert tuple(everything.values()) == (
        *("everything", "b1", 4, 2, 2, 2, 1300, 1304, 700, 904, 50),
        *(None, None, None, 0, 1, 1, Decimal("0.5")),
    )
    assert tuple(tagged.values()) == (
        *("tagged", "b1", 2, 1, 1, 2, 1000, 1004, 700, 704, 38),
        # The post had 250 views and 26 interactions.
        *(500, 400, Decimal("7.8125"), 0, 1, 0, 1),
    )


def test_accounts_with_the_next_step(query: Query) -> None:
    rows = query(
        """
        select account_id, creator_id, login_flavour, status, reason, token_days_left, data_access_days_left,
            last_good_capture_at, owner, next_step is null as lost
        from marts.dim_accounts order by account_id
        """
    )
    assert [tuple(row.values()) for row in rows] == [
        ("acc-a", "c1", "facebook", "connected", None, Decimal("2.0"), None, at(12, 12), "data team", False),
        ("acc-b", "c2", "instagram", "expired", "token_expired", Decimal("-1.3"), None, at(11, 6), "creator", False),
        ("acc-n", "c3", None, "connecting", None, None, None, None, "creator", False),
    ]


def test_accounts_with_their_health_and_what_was_granted(query: Query) -> None:
    rows = query(
        """
        select account_id, is_connected, connected_since, capture_mode, health, capability_level, missing_scopes,
            surplus_scopes, granter_name, page_name
        from marts.dim_accounts order by account_id
        """
    )
    assert [tuple(row.values()) for row in rows] == [
        ("acc-a", True, at(10, 0), "automatic", "healthy", "insights", None, "email", "Ann", "Handle A's Page"),
        ("acc-b", False, None, "automatic", "in_trouble", "insights", None, None, None, None),
        ("acc-n", False, None, "automatic", "not_connected", None, None, None, None, None),
    ]


def test_connection_health_of_every_day(query: Query) -> None:
    rows = query(
        """
        select account_id, extract(day from date)::integer as day, status, reason, capture_mode, health, owner,
            token_days_left, last_good_capture_at, listings_good, listings_failed
        from marts.fct_connection_health order by account_id, date
        """
    )
    untracked = ("not_tracked", None, "automatic", "not_connected", "brand contact", None)
    connected = ("connected", None, "automatic", "healthy", "data team", None)
    expired = ("expired", "token_expired", "automatic", "in_trouble", "creator")
    assert [tuple(row.values()) for row in rows] == [
        ("acc-a", 9, *untracked, None, 0, 0),
        ("acc-a", 10, *connected, at(10, 23, 45), 96, 0),
        ("acc-a", 11, *connected, at(11, 23, 45), 85, 1),
        ("acc-a", 12, *connected[:-1], Decimal("2.0"), at(12, 12), 38, 1),
        ("acc-b", 9, *untracked, None, 0, 0),
        ("acc-b", 10, *connected, at(10, 23, 45), 96, 0),
        ("acc-b", 11, *expired, None, at(11, 6), 25, 0),
        ("acc-b", 12, *expired, Decimal("-1.3"), at(11, 6), 0, 0),
        *(("acc-n", day, *untracked, None, 0, 0) for day in (9, 10, 11, 12)),
    ]


def test_the_consents_and_which_of_them_covers_a_story(query: Query) -> None:
    rows = query(
        """
        select consents.account_id, given_at, ended_at, end_reason, source, granter_name, scopes, text_version,
            usage_rights, (
                select array_agg(story_id order by story_id) from marts.fct_stories as stories
                where stories.consent_id = consents.consent_id
            ) as stories
        from marts.fct_consents as consents order by account_id, given_at
        """
    )
    scopes = "instagram_basic, instagram_manage_insights"
    assert [tuple(row.values()) for row in rows] == [
        ("acc-a", at(10, 9), at(12, 0), "followed", "import", None, None, None, None, ["102", "103"]),
        ("acc-a", at(12, 0), None, None, "sign_in", "Ann", scopes, "2026-11", "stories, for a year", ["105", "106"]),
        ("acc-b", at(10, 0), None, None, "import", None, None, None, None, ["104"]),
    ]


def test_coverage_of_every_day_with_the_cause_of_its_gap(query: Query) -> None:
    rows = query(
        """
        select account_id, extract(day from date)::integer as day, listings_due, listings_done, listings_failed,
            longest_gap_minutes, gap_cause, stories_seen, stories_sweep, stories_late, stories_masked,
            stories_missing, stories_live
        from marts.fct_capture_coverage order by account_id, date
        """
    )
    assert [tuple(row.values()) for row in rows] == [
        ("acc-a", 9, 0, 0, 0, 1440, "not_tracked", 0, 0, 0, 0, 0, 0),
        ("acc-a", 10, 96, 96, 0, 15, None, 3, 1, 1, 1, 0, 0),
        ("acc-a", 11, 96, 85, 1, 180, "throttled", 0, 0, 0, 0, 0, 0),
        ("acc-a", 12, 48, 38, 1, 180, "platform_incident", 2, 0, 0, 0, 0, 2),
        ("acc-b", 9, 0, 0, 0, 1440, "not_tracked", 0, 0, 0, 0, 0, 0),
        ("acc-b", 10, 96, 96, 0, 15, None, 1, 0, 0, 0, 1, 0),
        ("acc-b", 11, 28, 25, 0, 1800, "token", 0, 0, 0, 0, 0, 0),
        ("acc-b", 12, 0, 0, 0, 1800, "token", 0, 0, 0, 0, 0, 0),
        *(("acc-n", day, 0, 0, 0, 5040, "not_tracked", 0, 0, 0, 0, 0, 0) for day in (9, 10, 11, 12)),
    ]


def test_coverage_tells_when_a_story_can_have_lived_unseen(query: Query) -> None:
    rows = query(
        """
        select account_id, extract(day from date)::integer as day, is_complete, unseen_from, unseen_to,
            unseen_possible_minutes
        from marts.fct_capture_coverage where not is_complete order by account_id, date
        """
    )
    assert [tuple(row.values()) for row in rows] == [
        ("acc-a", 9, False, None, None, 0),  # 24 hours to the moment
        ("acc-b", 9, False, None, None, 0),
        ("acc-b", 11, False, at(11, 6), at(11, 12), 360),
        ("acc-b", 12, False, None, None, 0),
        ("acc-n", 9, False, at(9, 0), at(10, 0), 1440),
        ("acc-n", 10, False, at(10, 0), at(11, 0), 1440),
        ("acc-n", 11, False, at(11, 0), at(11, 12), 720),
        ("acc-n", 12, False, None, None, 0),
    ]


def test_how_soon_stories_were_seen(query: Query) -> None:
    stories = query("select distinct detection_minutes from marts.fct_stories")
    assert [row["detection_minutes"] for row in stories] == [5]
    days = query(
        "select account_id, stories_seen, detection_p50_minutes, detection_p95_minutes from marts.fct_capture_coverage"
    )
    assert {tuple(row.values())[2:] for row in days if row["stories_seen"]} == {(5, 5)}
    assert {tuple(row.values())[2:] for row in days if not row["stories_seen"]} == {(None, None)}


def test_dimensions_of_campaigns_brands_and_creators(query: Query) -> None:
    assert [row["rules"] for row in query("select rules from marts.dim_campaigns order by campaign_id")] == [
        None,
        "#glow @lumen.paris",
    ]
    assert [row["name"] for row in query("select name from marts.dim_brands")] == ["Lumen"]
    creators = query("select creator_id, accounts, accounts_tracked from marts.dim_creators order by creator_id")
    assert [tuple(row.values()) for row in creators] == [("c1", 1, 1), ("c2", 1, 1), ("c3", 1, 0)]
