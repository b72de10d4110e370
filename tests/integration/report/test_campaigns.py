import io
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from storykeep.errors import StorykeepError
from storykeep.report.campaigns import gather, render
from storykeep.report.finality import Loss

pytestmark = pytest.mark.integration

Insert = Callable[..., None]


@pytest.fixture
def world(insert_mart: Insert) -> Insert:
    """Two campaigns of one brand; mila has a known, a withheld, an unknown and a live story, zoe is not tracked."""
    insert_mart("dim_brands", brand_id="aurora", name="Aurora")
    for campaign_id, name in (("glow", "Autumn Glow"), ("idle", "Not yet")):
        insert_mart("dim_campaigns", campaign_id=campaign_id, brand_id="aurora", name=name, currency="EUR", cost=500)
    insert_mart(
        "fct_campaign_performance",
        campaign_id="glow",
        brand_id="aurora",
        stories=4,
        creators=1,
        participants=2,
        views=1050,
        reach_lower=800,
        reach_upper=844,
        total_interactions=12,
        cost=500,
        currency="EUR",
        cpm=Decimal("476.1905"),
        stories_live=1,
        stories_withheld=1,
        stories_unknown=1,
        share_final=Decimal("0.666667"),
    )
    insert_mart("fct_campaign_performance", campaign_id="idle", brand_id="aurora", cost=500, currency="EUR")
    insert_mart("dim_creators", creator_id="c1", name="Mila Berg")
    insert_mart("dim_accounts", account_id="a1", creator_id="c1", username="mila", status="connected")
    insert_mart(
        "dim_accounts",
        account_id="a2",
        creator_id="c2",
        username="otto",
        status="expiring",
        reason="token_expiring",
        token_days_left=2,
        data_access_days_left=40,
        owner="creator",
        next_step="connect again",
    )
    insert_mart("dim_accounts", account_id="a3", creator_id="c3", username="zoe", status="not_tracked")
    for story_id, finality, counts in (
        (
            "s1",
            "sweep",
            {"views": 1000, "reach": 800, "total_interactions": 12, "is_final": True, "detection_minutes": 14.5},
        ),
        (
            "s2",
            "masked",
            {"views_withheld": True, "reach_withheld": True, "total_interactions_withheld": True}
            | {"withheld_lower_bound": 0, "withheld_upper_bound": 4, "is_final": True},
        ),
        ("s3", "missing", {"loss_cause": "token"}),
        ("s4", "live", {"views": 50, "reach": 40}),
    ):
        insert_mart("fct_stories", story_id=story_id, account_id="a1", username="mila", finality=finality, **counts)
        insert_mart("fct_campaign_content", campaign_id="glow", story_id=story_id, matched_by="hashtag")
    insert_mart(
        "fct_stories",
        story_id="other",
        account_id="a2",
        username="otto",
        finality="late",
        views=7,
        loss_cause="throttled",
    )
    for day, gap, cause in (("2026-11-20", 16, None), ("2026-11-21", 90.5, "token")):
        insert_mart(
            "fct_capture_coverage",
            account_id="a1",
            date=day,
            listings_done=96,
            listings_failed=1,
            longest_gap_minutes=gap,
            gap_cause=cause,
            stories_seen=2,
        )
    insert_mart("fct_capture_coverage", account_id="a2", date="2026-11-07", listings_done=96, longest_gap_minutes=9999)
    insert_mart("fct_capture_coverage", account_id="a2", date="2026-11-08", listings_done=90, longest_gap_minutes=1500)
    return insert_mart


@pytest.mark.usefixtures("world")
def test_the_report_is_read_with_the_rights_of_bi(bi: psycopg.Connection) -> None:
    report = gather(bi)
    glow, idle = report.campaigns
    assert (glow.brand, glow.campaign, glow.participants, glow.views) == ("Aurora", "Autumn Glow", 2, 1050)
    assert (glow.stories_withheld, glow.stories_unknown, glow.cpm) == (1, 1, Decimal("476.1905"))
    assert (idle.stories, idle.views, idle.share_final) == (0, None, None)
    assert report.creators == report.stories == ()


@pytest.mark.usefixtures("world")
def test_finality_classes_keep_known_withheld_and_unknown_apart(bi: psycopg.Connection) -> None:
    classes = {
        row.finality: (row.stories, row.views, row.stories_withheld, row.stories_unknown) for row in gather(bi).finality
    }
    assert classes == {
        "sweep": (1, 1000, 0, 0),
        "masked": (1, None, 1, 0),
        "late": (1, 7, 0, 0),
        "missing": (1, None, 0, 1),
        "live": (1, 50, 0, 0),
    }
    assert list(classes) == ["sweep", "masked", "late", "missing", "live"]


@pytest.mark.usefixtures("world")
def test_stories_by_hand_are_counted_and_told_apart(insert_mart: Insert, bi: psycopg.Connection) -> None:
    for story_id, finality, provenance in (
        ("manual:1", "manual", "manual_capture"),
        ("manual:2", "missing", "creator_upload"),
        ("typed", "manual", "api"),
    ):
        insert_mart("fct_stories", story_id=story_id, finality=finality, provenance=provenance)
    insert_mart("fct_campaign_content", campaign_id="glow", story_id="manual:2", matched_by="hashtag")
    by_hand = {row.finality: (row.stories, row.by_hand) for row in gather(bi).finality if row.by_hand}
    assert by_hand == {"manual": (2, 1), "missing": (2, 1)}
    told = {story.story_id: story.provenance for story in gather(bi, "glow").stories}
    assert told["manual:2"] == "creator_upload"


@pytest.mark.usefixtures("world")
def test_losses_are_counted_by_cause_of_all_stories_or_of_a_campaigns(
    insert_mart: Insert, bi: psycopg.Connection
) -> None:
    insert_mart(
        "fct_stories", story_id="more", account_id="a2", username="otto", finality="late", loss_cause="throttled"
    )
    assert gather(bi).losses == (Loss("throttled", 2), Loss("token", 1))
    assert gather(bi, "glow").losses == (Loss("token", 1),)


@pytest.mark.usefixtures("world")
def test_coverage_is_summed_over_the_last_fortnight_worst_gap_first(bi: psycopg.Connection) -> None:
    coverage = gather(bi).coverage
    assert (coverage.first_day, coverage.last_day) == (date(2026, 11, 8), date(2026, 11, 21))
    otto, mila = coverage.accounts
    assert (otto.username, otto.listings_done, otto.longest_gap) == ("otto", 90, timedelta(hours=25))
    assert (mila.listings_done, mila.listings_failed, mila.stories_seen) == (192, 2, 4)
    assert mila.longest_gap == timedelta(minutes=90, seconds=30)
    assert mila.gap_causes == ["token"]
    assert (mila.listings_due, mila.seen_within, otto.seen_within) == (0, timedelta(minutes=14, seconds=30), None)
    assert coverage.unseen == ()


@pytest.mark.usefixtures("world")
def test_an_account_that_is_not_tracked_takes_no_place_in_the_coverage(
    insert_mart: Insert, bi: psycopg.Connection
) -> None:
    for day in ("2026-11-20", "2026-11-21"):
        insert_mart(
            "fct_capture_coverage",
            account_id="a3",
            date=day,
            longest_gap_minutes=99999,
            gap_cause="not_tracked",
            unseen_from=f"{day}T00:00:00Z",
            unseen_to=f"{day}T23:00:00Z",
        )
    coverage = gather(bi).coverage
    assert [account.username for account in coverage.accounts] == ["otto", "mila"]
    assert coverage.unseen == ()


@pytest.mark.usefixtures("world")
def test_a_stretch_over_several_days_is_one_and_ends_with_its_cause(
    insert_mart: Insert, bi: psycopg.Connection
) -> None:
    parts = [
        ("2026-11-06", "2026-11-06T10:00:00Z", "2026-11-06T12:00:00Z", "token"),  # before the window
        ("2026-11-10", "2026-11-10T20:00:00Z", "2026-11-11T00:00:00Z", "token"),
        ("2026-11-11", "2026-11-11T00:00:00Z", "2026-11-12T00:00:00Z", "token"),
        ("2026-11-12", "2026-11-12T00:00:00Z", "2026-11-12T03:00:00Z", "token"),
        ("2026-11-14", "2026-11-14T01:00:00Z", "2026-11-15T00:00:00Z", "our_outage"),
        ("2026-11-15", "2026-11-15T00:00:00Z", "2026-11-15T02:00:00Z", "paused"),
    ]
    for day, unseen_from, unseen_to, cause in parts:
        insert_mart(
            "fct_capture_coverage",
            account_id="a1",
            date=day,
            gap_cause=cause,
            unseen_from=unseen_from,
            unseen_to=unseen_to,
        )
    found = [(one.username, one.cause, one.until - one.since) for one in gather(bi).coverage.unseen]
    assert found == [
        ("mila", "paused", timedelta(hours=2)),
        ("mila", "our_outage", timedelta(hours=23)),
        ("mila", "token", timedelta(hours=31)),
    ]


@pytest.mark.usefixtures("world")
def test_accounts_that_need_somebody_come_with_the_days_that_are_left(bi: psycopg.Connection) -> None:
    otto, zoe = gather(bi).attention
    assert (otto.username, otto.days_left, otto.owner, otto.next_step) == (
        "otto",
        Decimal("2.0"),
        "creator",
        "connect again",
    )
    assert (zoe.username, zoe.status, zoe.days_left) == ("zoe", "not_tracked", None)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("name", ["glow", "autumn glow"])
def test_one_campaign_by_id_or_name_shows_its_creators_and_stories(bi: psycopg.Connection, name: str) -> None:
    report = gather(bi, name)
    assert [row.campaign_id for row in report.campaigns] == ["glow"]
    (mila,) = report.creators
    assert (mila.creator, mila.stories, mila.views) == ("Mila Berg", 4, 1050)
    assert (mila.reach_lower, mila.reach_upper) == (800, 844)
    assert mila.share_final is not None
    assert round(mila.share_final, 4) == Decimal("0.6667")
    assert [story.story_id for story in report.stories] == ["s1", "s2", "s3", "s4"]
    assert sum(row.stories for row in report.finality) == 4
    assert [account.username for account in report.coverage.accounts] == ["mila"]
    assert report.attention == ()


@pytest.mark.usefixtures("world")
def test_an_unknown_campaign_is_answered_with_the_known_ones(bi: psycopg.Connection) -> None:
    with pytest.raises(StorykeepError, match="give one of these ids: glow, idle"):
        gather(bi, "glwo")


@pytest.mark.usefixtures("world")
def test_the_whole_report_can_be_printed(bi: psycopg.Connection) -> None:
    out = io.StringIO()
    render(gather(bi, "glow"), Console(file=out, width=80))
    assert "1,050" in out.getvalue()
    assert "+0-4 withheld" in out.getvalue()


@pytest.mark.usefixtures("world")
def test_the_query_of_the_readme_runs_with_the_rights_of_bi(bi: psycopg.Connection) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    rows = bi.execute(readme.partition("```sql\n")[2].partition("```")[0]).fetchall()
    assert [row[:4] for row in rows] == [("Aurora", "Autumn Glow", 4, 1050), ("Aurora", "Not yet", 0, None)]


def test_a_warehouse_without_marts_says_to_build_them(transform: psycopg.Connection) -> None:
    with pytest.raises(StorykeepError, match="run: storykeep build"):
        gather(transform)
    # The connection is good for more.
    assert transform.execute("select 1").fetchone() == (1,)


def test_empty_marts_make_an_empty_report(insert_mart: Insert, bi: psycopg.Connection) -> None:
    report = gather(bi)
    assert report.campaigns == report.finality == report.attention == ()
    assert report.coverage.accounts == ()
