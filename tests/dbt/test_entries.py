"""What people entered by hand, in the marts: worked out on paper from entries_world.py."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from psycopg.rows import dict_row
from tests.dbt.entries_world import AFTER, decided, entry, fill_entries
from tests.dbt.world import AS_OF, at, fill, landed, reading
from tests.marts import MARTS

from storykeep.settings import Keep, Settings
from storykeep.transform import dbt, last_build
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def entered(new_warehouse: Callable[[], Settings]) -> Settings:
    """The small world with what people entered, built and published."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        fill_entries(conn)
    build_marts(settings, AS_OF)
    return settings


@pytest.fixture
def ask(entered: Settings) -> Callable[[str], Rows]:
    """Asks the published marts."""

    def rows(query: str) -> Rows:
        with (
            connect(entered.warehouse, "storykeep_transform") as conn,
            conn.cursor(row_factory=dict_row) as cursor,
        ):
            return [tuple(row.values()) for row in cursor.execute(query)]

    return rows


def built(settings: Settings) -> dict[str, Rows]:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return {
            name: conn.execute(f"select * from build.{name} as t order by t::text").fetchall()  # noqa: S608 (names of ours)
            for name in sorted(MARTS)
        }


def test_stories_by_hand_and_edited_ones(ask: Callable[[str], Rows]) -> None:
    assert ask(
        """
        select story_id, provenance, finality, loss_cause, views, views_source, reach, reach_source, reach_withheld,
            exits, exits_source, last_reading_age_minutes, estimated_undercount
        from marts.fct_stories order by story_id
        """
    ) == [
        ("101", "api", "sweep", None, 1000, "poll", 700, "poll", False, 6, "poll", 5, 5),
        ("102", "api", "manual", None, 345, "manual", 200, "poll", False, 9, "manual", 0, None),
        ("103", "api", "masked", None, None, "poll", 3, "manual", False, None, "poll", 5, None),
        ("104", "api", "missing", "token", None, None, None, None, False, None, None, 1320, None),
        ("105", "api", "live", None, 40, "poll", 30, "poll", False, None, None, 60, None),
        ("106", "api", "live", None, None, None, None, None, False, None, None, None, None),
        ("manual:n-1", "manual_capture", "manual", None, 500, "manual", 400, "manual", False, None, None, 60, None),
        ("manual:n-2", "creator_upload", "missing", None, None, None, None, None, False, None, None, None, None),
        ("manual:n-3", "manual_capture", "live", None, None, None, None, None, False, None, None, None, None),
        ("manual:reshare", "manual_capture", "missing", None, None, None, None, None, False, None, None, None, None),
    ]


def test_what_else_people_told_of_a_story(ask: Callable[[str], Rows]) -> None:
    assert ask(
        """
        select story_id, caption, link, username, first_seen_at, expires_at, detection_minutes, consent_basis,
            media_status, media_path
        from marts.fct_stories where story_id in ('101', '105', 'manual:n-1', 'manual:n-2') order by story_id
        """
    ) == [
        (
            *("101", "A new #Glow, day 1", "https://lumen.example/glow", "handle_a", at(10, 8, 5), at(11, 8), 5),
            *("creator_authorisation", "archived", f"ab/{'ab' * 32}.jpg"),
        ),
        (
            *("105", "seen by hand", None, "handle_a", at(12, 6, 5), at(13, 6), 5),
            *("creator_authorisation", None, None),
        ),
        (
            *("manual:n-1", "#glow in the morning", None, "handle_n", at(11, 10), at(12, 9), None),
            *(None, "archived", "ee/n-1.png"),
        ),
        ("manual:n-2", "personal", None, "handle_n", at(11, 20), at(12, 9, 30), None, "creator_upload", None, None),
    ]


def test_frames_of_the_api_and_by_hand_make_sequences(ask: Callable[[str], Rows]) -> None:
    assert ask(
        "select story_id, sequence_id, frame_position from marts.fct_stories order by account_id, posted_at"
    ) == [
        ("101", "101", 1),
        ("102", "101", 2),
        ("103", "101", 3),
        ("manual:reshare", "101", 4),
        ("106", "106", 1),
        ("105", "105", 1),
        ("104", "104", 1),
        ("manual:n-1", "manual:n-1", 1),
        ("manual:n-2", "manual:n-1", 2),
        ("manual:n-3", "manual:n-3", 1),
    ]
    assert ask(
        """
        select sequence_id, last_story_id, frames, frames_without_reach, reach_first, reach_last, reach_lower, exits,
            drop_off, is_live
        from marts.fct_story_sequences where frames > 1 order by sequence_id
        """
    ) == [
        ("101", "manual:reshare", 4, 1, 700, None, 700, 15, None, False),
        ("manual:n-1", "manual:n-2", 2, 1, 400, None, 400, None, None, False),
    ]


def test_rates_come_of_what_stands(ask: Callable[[str], Rows]) -> None:
    rates = ask("select completion_rate, exit_rate from marts.fct_stories where story_id < '103' order by story_id")
    # Of 101's 1,000 views 60 were cut short, 6 of them by an exit. 102's exits are a person's, its taps back unknown.
    assert rates == [(Decimal("0.94"), Decimal("0.006")), (None, Decimal("0.026087"))]


def test_the_audit_has_every_edit_that_anybody_made(ask: Callable[[str], Rows]) -> None:
    assert ask(
        """
        select entry_id, version, metric, story_id, manual_value, poll_value, value, winner, rule, status, author,
            decided_by
        from marts.fct_metric_audit order by entry_id, version, metric
        """
    ) == [
        ("m-101", 1, "views", "101", 1, 1000, 1000, "poll", "only_approved_edits_count", "withdrawn", "ann", "ben"),
        ("m-102", 1, "exits", "102", 9, None, 9, "manual", "an_approved_edit_wins", "approved", "ann", "ben"),
        ("m-102", 1, "views", "102", 350, 300, 345, "manual", "a_later_edit_wins", "approved", "ann", "ben"),
        ("m-102-too", 1, "views", "102", 345, 300, 345, "manual", "an_approved_edit_wins", "approved", "cleo", "ben"),
        ("m-103", 1, "reach", "103", 3, None, 3, "manual", "an_approved_edit_wins", "approved", "ann", "ben"),
        ("m-104", 1, "views", "104", 77, None, None, None, "only_approved_edits_count", "rejected", "ann", "ben"),
        ("m-105", 1, "views", "105", 41, 40, 40, "poll", "only_approved_edits_count", "waiting", "ann", None),
        *(
            ("m-n", 1, metric, "manual:n-1", value, None, value, "manual", "an_approved_edit_wins", "approved", *who)
            for metric, value, who in (("reach", 400, ("ann", "ben")), ("views", 500, ("ann", "ben")))
        ),
        (
            *("m-n", 2, "views", "manual:n-1", 9999, None, 500, "manual"),
            *("only_approved_edits_count", "waiting", "ann", None),
        ),
        ("m-none", 1, "views", None, 5, None, None, None, "no_story", "approved", "ann", "ben"),
    ]


def test_what_was_entered_is_not_what_a_listing_showed(ask: Callable[[str], Rows]) -> None:
    assert ask(
        """
        select account_id, extract(day from date)::integer as day, stories_seen, stories_by_hand, stories_manual,
            stories_missing, stories_live
        from marts.fct_capture_coverage where stories_seen + stories_by_hand > 0 order by account_id, date
        """
    ) == [
        ("acc-a", 10, 3, 1, 1, 0, 0),
        ("acc-a", 12, 2, 0, 0, 0, 2),
        ("acc-b", 10, 1, 0, 0, 1, 0),
        ("acc-n", 11, 0, 2, 0, 0, 0),
        ("acc-n", 12, 0, 1, 0, 0, 0),
    ]


def test_a_story_by_hand_counts_for_its_campaign(ask: Callable[[str], Rows]) -> None:
    content = "select campaign_id, matched_by from marts.fct_campaign_content where story_id = 'manual:n-1'"
    assert ("tagged", "hashtag") in ask(content)


def test_whom_a_person_assigned_or_confirmed_is_told_to_attribution(entered: Settings) -> None:
    with connect(entered.warehouse, "storykeep_transform") as conn:
        rows = conn.execute("select * from intermediate.int_entries__matches").fetchall()
    assert rows == [("a-1", "everything", "manual:n-1", "assign", "yes", "ann", at(12, 9))]


def test_what_is_of_no_campaign_is_in_no_mart_where_only_campaigns_are_kept(
    new_warehouse: Callable[[], Settings],
) -> None:
    settings = replace(new_warehouse(), keep=Keep(matched_only=True))
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        fill_entries(conn)
    build_marts(settings, AS_OF)
    found = built(settings)
    shown = {row[0] for row in found["fct_stories"]}
    assert shown == {"101", "102", "103", "104", "manual:n-1"}
    assert {row[0] for row in found["fct_story_sequences"]} <= shown
    # 105 is of no campaign; of what is about no story nobody knows whether it is.
    assert {row[3] for row in found["fct_metric_audit"]} == {"101", "102", "103", "104", "manual:n-1", None}
    assert "personal" not in repr(found)


def test_what_comes_later_changes_what_it_is_about_and_a_build_of_everything_makes_the_same(
    new_warehouse: Callable[[], Settings],
) -> None:
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        fill_entries(conn)
        dbt.build(settings, AS_OF)
        before = {row[0]: row for row in built(settings)["fct_stories"]}
        # A late listing shows the reshare after all, and its last reading.
        node = {"id": "110", "timestamp": "2026-11-10T10:50:00+0000", "media_type": "IMAGE"}
        landed(conn, "stories", at(10, 11), story_id="110", payload=node, content_hash="c" * 64)
        reading(conn, "110", at(11, 10, 45), views=60, reach=50)
        # The edit of n-1 is approved, n-2 is taken back, and 104's numbers are approved after all.
        decided(conn, "m-n", AS_OF, version=2)
        entry(
            conn,
            "n-2",
            "creator_upload",
            AS_OF,
            version=2,
            is_withdrawn=True,
            account_id="acc-n",
            posted_at=at(11, 9, 30),
        )
        decided(conn, "m-104", AS_OF)
        conn.commit()
        dbt.build(settings, AFTER)
    after = {row[0]: row for row in built(settings)["fct_stories"]}
    assert before.keys() - after.keys() == {"manual:n-2", "manual:reshare"}
    assert after.keys() - before.keys() == {"110", "manual:later"}
    with connect(settings.warehouse, "storykeep_transform") as conn:
        rows = conn.execute(
            "select story_id, finality, views, sequence_id, frame_position from build.fct_stories"
            " where story_id in ('104', '105', '110', 'manual:n-1') order by story_id"
        ).fetchall()
    assert rows == [
        ("104", "manual", 77, "104", 1),
        ("105", "live", 41, "105", 1),
        ("110", "sweep", 60, "101", 4),
        ("manual:n-1", "manual", 9999, "manual:n-1", 1),
    ]
    grown = built(settings)
    last_build.forget(settings)
    dbt.build(settings, AFTER)
    assert built(settings) == grown
