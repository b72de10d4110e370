"""What counts for a campaign and why, and what does not: worked out by hand from attribution_world.py."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.dbt.attribution_world import fill_attribution
from tests.dbt.world import AS_OF, at, fill

from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

Rows = list[tuple[object, ...]]
Ask = Callable[[str], Rows]

HASHTAG = ("hashtag", "#aurora", "high")


@pytest.fixture(scope="module")
def settled(new_warehouse: Callable[[], Settings]) -> Settings:
    """The small world with two more campaigns, built and published."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        fill_attribution(conn)
    build_marts(settings, AS_OF)
    return settings


@pytest.fixture
def ask(settled: Settings) -> Ask:
    """Reads what is built."""

    def read(statement: str) -> Rows:
        with connect(settled.warehouse, "storykeep_transform") as conn:
            return conn.execute(statement).fetchall()

    return read


def test_what_counts_and_by_which_evidence(ask: Ask) -> None:
    content = "select {} from marts.fct_campaign_content where campaign_id = '{}' order by content_id"
    columns = "content_id, content_type, matched_by, evidence, confidence, campaigns_matched"
    assert ask(content.format(columns, "aurora")) == [
        # Those of the 10th count for the campaign without rules as well, and 302 for the open one.
        ("302", "story", *HASHTAG, 3),
        ("303", "story", "manual", "confirmed by ann at 2026-11-11 09:30 UTC", "high", 2),
        ("306", "story", "manual", "assigned by bob at 2026-11-11 09:00 UTC", "high", 2),
        ("310", "story", *HASHTAG, 1),
        ("401", "reel", *HASHTAG, 1),
        ("manual:first", "story", *HASHTAG, 1),
        ("manual:own", "story", "link", "lumen.example/glow", "high", 1),
    ]
    # Nobody is on its roster, and a hashtag is all that there is.
    assert ask(content.format("content_id, matched_by, confidence, campaigns_matched", "open")) == [
        ("301", "hashtag", "medium", 2),
        ("302", "hashtag", "medium", 3),
        ("308", "hashtag", "medium", 2),
        ("309", "hashtag", "medium", 2),
    ]


def test_what_does_not_count_and_for_which_reason(ask: Ask) -> None:
    rows = ask(
        "select story_id, reason, assigned, confirmed from marts.fct_campaign_exclusions"
        " where campaign_id = 'aurora' and story_id > '200' order by story_id"
    )
    assert rows == [
        ("301", "before_participation", None, None),
        ("304", "no_rule_matched", None, None),
        ("305", "declined", None, "no"),
        ("307", "before_campaign", "yes", None),
        ("308", "declined", "no", None),
        ("311", "after_campaign", None, None),
        ("manual:early", "switch_off", None, None),
        ("manual:off", "switch_off", "yes", None),
    ]


def test_near_misses_and_what_was_decided_of_them(ask: Ask) -> None:
    rows = ask(
        "select story_id, suspect, reason, rule, letters_off, is_decided, decision, decided_by"
        " from marts.fct_campaign_near_misses where campaign_id = 'aurora' order by story_id"
    )
    assert rows == [
        ("303", "#auorra", "misspelt", "#aurora", 1, True, "yes", "ann"),
        ("304", "no caption", "no_caption", None, None, False, None, None),
        ("305", "#aurorra", "misspelt", "#aurora", 1, True, "no", "bob"),
    ]


def test_the_scope_of_tracking_by_hand_ends_with_the_switch_and_with_the_campaign(ask: Ask) -> None:
    scope = "select account_id, starts_at, ends_at from intermediate.int_campaigns__tracking_scope order by 1, 2"
    assert ask(scope) == [(account, at(11, 6), at(11, 10)) for account in ("acc-a", "acc-n")]
    tracked = "select campaign_id, manual_tracking from marts.dim_campaigns order by campaign_id"
    # On since an hour before the build; what happens an hour after it is not known.
    assert ask(tracked) == [("aurora", True), ("everything", False), ("open", False), ("tagged", False)]


def test_the_sums_of_a_campaign_with_its_bounds(ask: Ask) -> None:
    (row,) = ask(
        """
        select stories, posts, creators, stories_imported, stories_manual, stories_live, stories_missing,
            stories_withheld, stories_unknown, views, views_upper, reach_lower, reach_upper, total_interactions,
            replies, replies_upper, posts_views, posts_interactions, potential_reach, cost, fees, cpm,
            cost_per_engagement, deliverables_promised, deliverables_delivered, deliverables_late,
            deliverables_overdue
        from marts.fct_campaign_performance where campaign_id = 'aurora'
        """
    )
    assert row == (
        # Live is 310; 306 and what came by hand are without any number.
        *(6, 1, 2, 4, 2, 1, 3, 1, 3),
        *(1050, 1054, 600, 644, 25, 2, 6, 500, 30, 9000),
        # 300 for 1,550 views and 55 interactions.
        *(300, 100, Decimal("193.5484"), Decimal("5.4545")),
        # Of acc-a 302, 303, 306 in time and 310 late, of six; the reel came a second late.
        *(7, 5, 2, 2),
    )


def test_days_and_creators_of_a_campaign(ask: Ask) -> None:
    days = ask(
        "select extract(day from date)::integer, hours, stories, posts, views, views_upper"
        " from marts.fct_campaign_daily where campaign_id = 'aurora' order by date"
    )
    # It begins at 1 o'clock in Paris and ends at 1 o'clock, so that 310 was posted on the 12th.
    assert days == [(10, 24, 3, 0, 1000, 1004), (11, 24, 2, 1, None, None), (12, 24, 1, 0, 50, 50)]
    creators = ask(
        "select creator_id, stories, stories_manual, posts, views, fee, cpm, potential_reach, deliverables_delivered"
        " from marts.fct_campaign_creators where campaign_id = 'aurora' order by creator_id"
    )
    assert creators == [
        ("c1", 4, 0, 1, 1050, 100, Decimal("64.5161"), 9000, 5),
        ("c3", 2, 2, 0, None, None, None, None, 0),
    ]


def test_dates_that_change_afterwards_count_at_the_next_build_and_the_switch_stays_what_it_was(
    settled: Settings, ask: Ask
) -> None:
    counted = "select content_id from build.fct_campaign_content where campaign_id = 'aurora' order by content_id"
    before = ask(counted)
    try:
        with connect(settled.warehouse, "storykeep_owner") as conn:
            conn.execute("update app.campaigns set ends_at = %s where campaign_id = 'aurora'", [at(13, 0)])
            conn.execute(
                "update app.campaign_participants set valid_from = %s, valid_to = %s where campaign_id = 'aurora'",
                [at(9, 0), at(13, 0)],
            )
        dbt.build(settled, AS_OF)
        # What was captured by hand before the switch was on stays out, whenever the creator joined.
        assert set(ask(counted)) - set(before) == {("301",), ("311",)}
        assert set(before) <= set(ask(counted))
    finally:
        with connect(settled.warehouse, "storykeep_owner") as conn:
            conn.execute("update app.campaigns set ends_at = %s where campaign_id = 'aurora'", [at(12, 0)])
            conn.execute(
                "update app.campaign_participants set valid_from = %s, valid_to = %s where campaign_id = 'aurora'",
                [at(10, 12), at(12, 0)],
            )
    dbt.build(settled, AS_OF)
    assert ask(counted) == before
