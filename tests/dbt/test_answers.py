"""The marts of answers.py, as worked out on paper from what each column is said to mean.

Every number stands beside how it comes about; what the campaigns add up to is in campaign_answers.py.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from psycopg.rows import dict_row
from tests.dbt.answers import AS_OF, fill_answers, octo
from tests.dbt.campaign_answers import CREATORS, DAYS, PERFORMANCE, rows_of
from tests.dbt.world import at

from storykeep.settings import Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

WINS = "an_approved_edit_wins"
Row = dict[str, Any]
Ask = Callable[[str], list[Row]]


@pytest.fixture(scope="module")
def answered(new_warehouse: Callable[[], Settings]) -> Settings:
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill_answers(conn)
    build_marts(settings, AS_OF)
    return settings


@pytest.fixture
def ask(answered: Settings) -> Ask:
    def rows(query: str) -> list[Row]:
        with connect(answered.warehouse, "storykeep_transform") as conn, conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    return rows


def these(columns: str, mart: str, order: str) -> str:
    """A query of some of a mart's columns."""
    return f"select {', '.join(columns.split())} from marts.{mart} order by {order}"  # noqa: S608 (names of ours)


def table(columns: str, *rows: tuple[Any, ...]) -> list[Row]:
    """Rows as BI reads them, from a table on paper."""
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


def test_stories_with_their_finality_precedence_and_place(ask: Ask) -> None:
    columns = """
        story_id provenance finality views views_source reach reach_source total_interactions last_reading_age_minutes
        estimated_undercount withheld_upper_bound sequence_id frame_position
    """
    polled, by_hand = "poll", "manual"
    assert ask(these(columns, "fct_stories", "story_id")) == table(
        columns,
        # Ten views in the ten minutes before the last reading, which is five minutes old: five more.
        ("101", "api", "sweep", 1000, polled, 700, polled, 50, 5, 5, None, "101", 1),
        # Withheld to the end; a person read the reach. 40 minutes after 101.
        ("102", "api", "masked", None, polled, 3, by_hand, None, 5, None, 4, "101", 2),
        # At this age the eight stories of otto had 1,000 views, and gained 10 or 20 % by the end: 15 % of 400.
        ("103", "api", "late", 400, polled, 300, polled, 20, 240, 60, None, "101", 3),
        # Withheld 22 hours before the end, which tells nothing of it. 109 minutes after 103.
        ("104", "api", "missing", None, None, None, None, None, 1320, None, None, "104", 1),
        # Somebody's 99,999 views were approved, and withdrawn later. Twenty views in ten minutes.
        ("105", "api", "sweep", 600, polled, 450, polled, 30, 5, 10, None, "104", 2),
        # Two edits, both approved: the second stands, seen 60 minutes before the end.
        ("106", "api", "manual", 870, by_hand, 600, polled, 40, 60, None, None, "106", 1),
        # The edit was rejected.
        ("107", "api", "sweep", 200, polled, 150, polled, 5, 5, 0, None, "106", 2),
        ("109", "api", "missing", None, None, None, None, None, None, None, None, "109", 1),
        ("110", "api", "sweep", 250, polled, 200, polled, 10, 5, 1, None, "110", 1),
        # Of two people's edits that which was entered last, by whom we do not know when they saw it.
        ("111", "api", "manual", 320, by_hand, 220, polled, 8, None, None, None, "111", 1),
        ("201", "api", "sweep", 90, polled, 70, polled, 2, 5, 0, None, "201", 1),
        ("202", "api", "late", 100, polled, 80, polled, 4, 240, 15, None, "202", 1),  # 15 % of 100
        ("203", "api", "missing", None, None, None, None, None, None, None, None, "203", 1),
        ("301", "api", "sweep", 3000, polled, 2000, polled, 150, 5, 5, None, "301", 1),
        ("302", "api", "sweep", 2400, polled, 1500, polled, 60, 5, 0, None, "301", 2),
        # Read at 11:00, and it is 12:00.
        ("303", "api", "live", 40, polled, 30, polled, 2, 60, None, None, "303", 1),
        ("304", "api", "live", None, polled, None, polled, None, 30, None, 4, "303", 2),
        ("401", "api", "sweep", 500, polled, 400, polled, 20, 5, 0, None, "401", 1),
        ("402", "api", "sweep", 60, polled, 50, polled, 1, 5, 0, None, "402", 1),  # 90 minutes after 401
        *(
            (f"49{n}", "api", "sweep", 1100 if n <= 4 else 1200, polled, None, None, None, 5, 0, None, f"49{n}", 1)
            for n in range(1, 9)
        ),
        ("manual:j1", "manual_capture", "missing", *[None] * 8, "manual:j1", 1),
        # Seen an hour before its end.
        ("manual:j2", "manual_capture", "manual", 500, by_hand, 400, by_hand, 25, 60, None, None, "manual:j2", 1),
        ("manual:j3", "manual_capture", "missing", *[None] * 8, "manual:j3", 1),
        # Its reach is known, and finality is that of the views.
        ("manual:j4", "creator_upload", "missing", None, None, 120, by_hand, *[None] * 4, "manual:j4", 1),
    )


def test_the_undercount_of_a_late_story_spans_what_earlier_ones_gained(ask: Ask) -> None:
    rows = ask("select * from marts.fct_stories where finality = 'late' order by story_id")
    assert [row["story_id"] for row in rows] == ["103", "202"]
    for row in rows:
        assert 0 <= row["estimated_undercount_low"] <= row["views"] / 10
        assert row["views"] / 5 <= row["estimated_undercount_high"] < row["views"]


def test_sequences_with_what_was_lost_from_frame_to_frame(ask: Ask) -> None:
    columns = """
        sequence_id account_id last_story_id started_at last_posted_at expires_at is_live frames frames_without_reach
        reach_first reach_first_withheld reach_last reach_last_withheld reach_lower exits drop_off drop_off_per_frame
    """
    assert ask("select * from marts.fct_story_sequences where frames > 1 order by sequence_id") == table(
        columns,
        (
            # 700, 3, 300: of 700 accounts 400 were lost, over two steps.
            *("101", "mila", "103", octo(24, 21, 30), octo(24, 23, 10), octo(25, 23, 10), False, 3, 0),
            *(700, False, 300, False, 700, None, Decimal("0.571429"), Decimal("0.285714")),
        ),
        (
            # Nothing is known of the first.
            *("104", "mila", "105", octo(25, 0, 59), octo(25, 1, 30), octo(26, 1, 30), False, 2, 1),
            *(None, False, 450, False, 450, None, None, None),
        ),
        (
            *("106", "mila", "107", octo(25, 22, 30), octo(25, 23), octo(26, 23), False, 2, 0),
            *(600, False, 150, False, 600, None, Decimal("0.75"), Decimal("0.75")),
        ),
        (
            *("301", "nora", "302", at(1, 3, 59), at(1, 4), at(2, 4), False, 2, 0),
            *(2000, False, 1500, False, 2000, None, Decimal("0.25"), Decimal("0.25")),
        ),
        (
            # The last one is 0 to 4, and may be more in the end.
            *("303", "nora", "304", at(2, 4, 59), at(2, 5), at(3, 5), True, 2, 1),
            *(30, False, None, True, 30, None, None, None),
        ),
    )
    alone = ask("select sequence_id, reach_lower, exits, drop_off from marts.fct_story_sequences where frames = 1")
    assert {row["sequence_id"] for row in alone} == {
        *("109", "110", "111", "201", "202", "203", "401", "402"),
        *(f"49{n}" for n in range(1, 9)),
        *(f"manual:j{n}" for n in range(1, 5)),
    }
    assert {"sequence_id": "manual:j2", "reach_lower": 400, "exits": 12, "drop_off": None} in alone
    assert {row["drop_off"] for row in alone} == {None}


def edit(
    of: str, values: tuple[int | None, ...], winner: str, rule: str, hours: tuple[int, int | None], **told: Any
) -> Row:
    """A row of the audit: an entry's id, version, metric and story; the count typed, that of the API and that which
    stands; the hours of the 27th of October at which it was entered and decided on."""
    entry_id, version, metric, story_id = of.split()
    (typed, polled, stands), (entered, decided) = values, hours
    return {
        **{"entry_id": entry_id, "version": int(version), "metric": metric, "story_id": story_id},
        **{"account_id": "mila", "manual_value": typed, "poll_value": polled, "poll_withheld": False},
        **{"value": stands, "winner": winner, "is_winner": rule == WINS, "rule": rule, "status": "approved"},
        **{"observed_at": None, "entered_at": octo(27, entered), "author": "ann"},
        **{"decided_by": decided and "ben", "decided_at": decided and octo(27, decided)},
        **{"evidence_hash": None, "evidence_path": None, "note": None},
    } | told


def test_the_audit_of_every_edit(ask: Ask) -> None:
    unapproved, later = "only_approved_edits_count", "a_later_edit_wins"
    of_106 = {"observed_at": octo(26, 21, 30)}
    of_j2 = {"account_id": "jonas", "observed_at": octo(26, 9)}
    assert ask("select * from marts.fct_metric_audit order by entry_id, version, metric") == [
        edit("e-101 1 views 101", (1100, 1000, 1000), "poll", unapproved, (10, None), status="waiting"),
        edit("e-102 1 reach 102", (3, None, 3), "manual", WINS, (10, 11), poll_withheld=True),
        # The withdrawal repeats what it takes back.
        edit("e-105 1 views 105", (99999, 600, 600), "poll", unapproved, (10, 11), status="withdrawn"),
        edit("e-105 2 views 105", (99999, 600, 600), "poll", unapproved, (12, None), status="withdrawn"),
        edit("e-106 1 views 106", (850, 800, 870), "manual", unapproved, (10, 11), status="replaced", **of_106),
        edit("e-106 2 views 106", (870, 800, 870), "manual", WINS, (12, 13), **of_106),
        edit("e-107 1 views 107", (1, 200, 200), "poll", unapproved, (10, 11), status="rejected"),
        edit("e-111 1 views 111", (310, 300, 320), "manual", later, (10, 13)),
        edit("e-111-too 1 views 111", (320, 300, 320), "manual", WINS, (11, 11), author="cleo"),
        edit("e-j2 1 exits manual:j2", (12, None, 12), "manual", WINS, (10, 11), **of_j2),
        edit("e-j2 1 reach manual:j2", (400, None, 400), "manual", WINS, (10, 11), **of_j2),
        edit("e-j2 1 total_interactions manual:j2", (25, None, 25), "manual", WINS, (10, 11), **of_j2),
        edit("e-j2 1 views manual:j2", (500, None, 500), "manual", WINS, (10, 11), **of_j2),
        edit("e-j4 1 reach manual:j4", (120, None, 120), "manual", WINS, (10, 11), account_id="jonas"),
    ]


def test_content_with_what_makes_it_count(ask: Ask) -> None:
    columns = "campaign_id content_id content_type story_id post_id account_id matched_by evidence confidence"
    both, part = "#autumnglow @aurora.skin", ("participant", "posted while taking part", "medium")
    stories = (
        # Three letters in capitals, and signs and letters of full width.
        ("glow", "101", "mila", "hashtag", "#autumnglow", "high", 1),
        ("glow", "102", "mila", "hashtag", both, "high", 2),
        ("glow", "103", "mila", "manual", "confirmed by ann at 2026-10-27 09:00 UTC", "high", 2),
        ("glow", "105", "mila", "mention", "@aurora.skin", "high", 2),
        ("glow", "106", "mila", "hashtag", "#autumnglow", "high", 2),
        ("glow", "110", "mila", "link", "aurora.example/glow", "high", 1),
        ("glow", "111", "mila", "manual", "assigned by ann at 2026-10-27 09:30 UTC", "high", 1),
        ("glow", "202", "mila.too", "hashtag", "#autumnglow", "high", 1),
        ("glow", "manual:j2", "jonas", "hashtag", "#autumnglow", "high", 1),
        ("glow", "manual:j4", "jonas", "hashtag", "#autumnglow", "high", 1),
        # From 22:00 on the 24th to 23:00 on the 25th.
        ("one-day", "102", "mila", *part, 2),
        ("one-day", "103", "mila", *part, 2),
        ("one-day", "104", "mila", *part, 1),
        ("one-day", "105", "mila", *part, 2),
        ("one-day", "106", "mila", *part, 2),
        ("run", "301", "nora", "hashtag", "#boroughrun", "high", 1),
        ("run", "302", "nora", "hashtag", "#boroughrun", "high", 1),
        ("run", "303", "nora", "hashtag", "#boroughrun", "high", 1),
        ("run", "304", "nora", "hashtag", "#boroughrun", "high", 1),
        # Anybody may run along, and anybody can write a hashtag.
        ("run", "401", "otto", "hashtag", "#boroughrun", "medium", 1),
    )
    posts = (
        ("glow", "501", "post", None, "501", "mila", "hashtag", "#autumnglow", "high", 2),
        ("one-day", "501", "post", None, "501", "mila", *part, 2),
    )
    assert ask(
        "select * from marts.fct_campaign_content order by content_type = 'post', campaign_id, content_id"
    ) == table(
        f"{columns} campaigns_matched",
        *((campaign, story, "story", story, None, *told) for campaign, story, *told in stories),
        *posts,
    )


def test_exclusions_with_the_reason_of_each(ask: Ask) -> None:
    columns = """
        campaign_id story_id account_id posted_at provenance reason
        assigned assigned_by assigned_at confirmed confirmed_by confirmed_at
    """
    nobody = (None, None, None)
    undecided = (*nobody, *nobody)
    by_hand, uploaded = "manual_capture", "creator_upload"
    assert ask("select * from marts.fct_campaign_exclusions order by campaign_id, story_id") == table(
        columns,
        ("glow", "104", "mila", octo(25, 0, 59), "api", "no_rule_matched", *undecided),
        ("glow", "107", "mila", octo(25, 23), "api", "declined", *nobody, "no", "ben", octo(27, 9, 5)),
        # The campaign ends at that moment, whatever the caption and a person say.
        ("glow", "109", "mila", octo(26, 23), "api", "after_campaign", "yes", "ann", octo(27, 9, 35), *nobody),
        # mila.too takes part on the 25th.
        ("glow", "201", "mila.too", octo(24, 23, 50), "api", "before_participation", *undecided),
        ("glow", "203", "mila.too", octo(26, 0), "api", "after_participation", *undecided),
        # On from 10:00 on the 24th to 10:00 on the 26th.
        ("glow", "manual:j1", "jonas", octo(24, 9, 59), by_hand, "switch_off", *undecided),
        ("glow", "manual:j3", "jonas", octo(26, 10), by_hand, "switch_off", *undecided),
        ("one-day", "101", "mila", octo(24, 21, 30), "api", "before_campaign", *undecided),
        ("one-day", "107", "mila", octo(25, 23), "api", "after_campaign", *undecided),
        ("one-day", "109", "mila", octo(26, 23), "api", "after_campaign", *undecided),
        ("one-day", "110", "mila", octo(24, 12), "api", "before_campaign", *undecided),
        ("one-day", "111", "mila", octo(26, 8), "api", "after_campaign", *undecided),
        ("one-day", "manual:j1", "jonas", octo(24, 9, 59), by_hand, "before_campaign", *undecided),
        # This one's switch was never on, and that of the other campaign is its own.
        ("one-day", "manual:j2", "jonas", octo(25, 10), by_hand, "switch_off", *undecided),
        ("one-day", "manual:j3", "jonas", octo(26, 10), by_hand, "after_campaign", *undecided),
        ("one-day", "manual:j4", "jonas", octo(26, 12), uploaded, "after_campaign", *undecided),
    )


def test_near_misses_and_what_became_of_them(ask: Ask) -> None:
    columns = """
        campaign_id story_id suspect reason rule letters_off account_id posted_at
        is_decided decision decided_by decided_at
    """
    confirmed, declined = (True, "yes", "ann", octo(27, 9)), (True, "no", "ben", octo(27, 9, 5))
    # otto's #borouhgrun is nobody's business.
    assert ask("select * from marts.fct_campaign_near_misses order by campaign_id, story_id") == table(
        columns,
        ("glow", "103", "#autumnglw", "misspelt", "#autumnglow", 1, "mila", octo(24, 23, 10), *confirmed),
        ("glow", "104", "no caption", "no_caption", None, None, "mila", octo(25, 0, 59), False, None, None, None),
        ("glow", "107", "#autumngl0w", "misspelt", "#autumnglow", 1, "mila", octo(25, 23), *declined),
    )


def test_performance_of_the_campaigns(ask: Ask) -> None:
    assert ask("select * from marts.fct_campaign_performance order by campaign_id") == rows_of(PERFORMANCE)


def test_days_of_the_brands(ask: Ask) -> None:
    assert ask("select * from marts.fct_campaign_daily order by campaign_id, date") == rows_of(DAYS)


def test_creators_with_what_they_promised(ask: Ask) -> None:
    assert ask("select * from marts.fct_campaign_creators order by campaign_id, creator_id") == rows_of(CREATORS)


def test_what_could_not_be_seen_and_can_be_counted(ask: Ask) -> None:
    rows = ask(
        "select campaign_id, blind_spot, matters, size from marts.fct_campaign_blind_spots"
        " where size > 0 order by campaign_id, place"
    )
    assert rows == table(
        "campaign_id blind_spot matters size",
        ("glow", "accounts_by_hand", "yes", 1),  # jonas
        # mila.too was not listed for 30 hours and 55 minutes: what was posted in the first 6:55 can have ended by then.
        ("glow", "unlisted_hours", "yes", Decimal("6.92")),
        ("glow", "captions_without_mentions", "yes", 1),  # mila's Page was connected by somebody who may only analyse
        ("glow", "uncounted_replies", "maybe", 5),  # 101, 105, 110, 111, 202
        ("glow", "withheld_counts", "yes", 1),  # 102
        ("one-day", "accounts_by_hand", "yes", 1),
        ("one-day", "stories_deleted_early", "yes", 1),  # 104
        ("one-day", "uncounted_replies", "maybe", 1),  # 105
        ("one-day", "withheld_counts", "yes", 1),
        ("run", "uncounted_replies", "maybe", 3),  # 302, 303, 401
        ("run", "withheld_counts", "yes", 1),  # 304
    )
