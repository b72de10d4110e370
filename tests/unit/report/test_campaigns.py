"""What `storykeep report` puts on an 80-column screen without colour."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from storykeep.report.campaigns import Report, render
from storykeep.report.content import BY_HAND, CreatorContent, StoryContent
from storykeep.report.coverage import AccountCoverage, Attention, Coverage, Unseen
from storykeep.report.finality import FinalityClass, Loss
from storykeep.report.performance import Performance

CAMPAIGN = Performance(
    campaign_id="glow-autumn",
    campaign="Autumn Glow 2026 [emea]",
    brand="Aurora Skin & Beauty Company",
    participants=4,
    creators=3,
    stories=1234,
    views=12_345_678,
    stories_withheld=2,
    stories_unknown=1,
    reach_lower=1_234_567,
    reach_upper=11_234_567,
    total_interactions=123_456,
    cost=Decimal("120000.00"),
    currency="EUR",
    cpm=Decimal("9.7199"),
    share_final=Decimal("0.999000"),
)
IDLE = replace(
    CAMPAIGN,
    campaign_id="idle",
    campaign="Not yet begun",
    creators=0,
    stories=0,
    views=None,
    stories_withheld=0,
    stories_unknown=0,
    reach_lower=None,
    reach_upper=None,
    total_interactions=None,
    cpm=None,
    share_final=None,
)
REPORT = Report(
    campaigns=(CAMPAIGN, IDLE),
    finality=(
        FinalityClass("sweep", 1200, 12_345_678, 0, 0, 12_345, 900, 23_456),
        FinalityClass("masked", 2, None, 2, 0),
        FinalityClass("missing", 1, None, 0, 1),
        FinalityClass("live", 31, 400, 0, 2),
    ),
    coverage=Coverage(
        date(2026, 11, 8),
        date(2026, 11, 21),
        (
            AccountCoverage("mila.in.the.mountains_official", 1344, 900, 44, timedelta(hours=26), 9, None, ["token"]),
            AccountCoverage("ben", 1344, 1344, 0, timedelta(minutes=15), 0, timedelta(minutes=14), []),
        ),
    ),
    attention=(
        Attention("mila.in.the.mountains_official", "expired", "token_expired", None, "creator", "connect again"),
        Attention("otto", "expiring", "token_expiring", Decimal("2.0"), "creator", "connect again before the last day"),
        Attention("zoe", "not_tracked", None, None, "brand contact", "ask the creator to connect the account"),
    ),
)


def printed(report: Report) -> str:
    out = io.StringIO()
    render(report, Console(file=out, width=80))
    return out.getvalue()


def row_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_pipe_of_80_columns_gets_plain_lines() -> None:
    text = printed(REPORT)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_every_explanation_is_one_line() -> None:
    text = printed(ONE) + printed(Report((), (), Coverage(None, None, ()), ()))
    for line in text.splitlines():
        if line[:1].isalpha() and line.strip().count(" ") > 8 and "  " not in line.strip():
            assert line.rstrip().endswith((".", "build")), line


def test_a_pipe_that_takes_ascii_only_gets_the_report_too() -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    render(REPORT, Console(file=pipe, width=80))
    pipe.seek(0)
    assert "@otto" in pipe.read()


def test_a_campaign_shows_what_is_withheld_and_unknown_beside_what_is_known() -> None:
    text = printed(REPORT)
    for part in (
        "12,345,678",
        "+0-8 withheld",
        "+ unknown",
        "1,234,567-",
        "11,234,567",
        "EUR 120,000",
        "EUR 9.72",
        "99.9 %",
        "3 of 4 creators",
    ):
        assert part in text


def test_names_are_text_not_markup() -> None:
    assert "[emea]" in printed(REPORT)


def test_a_campaign_without_stories_shows_no_figures() -> None:
    text = printed(REPORT)
    first, cost = (line for line in text.splitlines() if line.startswith("Not yet begun"))
    assert first.split()[-4:] == ["-"] * 4
    assert cost.split()[-7:] == ["EUR", "120,000", "-", "-", "-", "-", "-"]
    assert "Not yet begun" not in text.partition("numbers come from")[2].partition("What the campaigns cost")[0]


def test_a_campaign_without_participants_counts_those_who_came() -> None:
    text = printed(replace(REPORT, campaigns=(replace(CAMPAIGN, participants=0, creators=11),)))
    assert "11 creators" in text
    assert "of 0" not in text


def test_a_campaign_tells_what_its_numbers_are_made_of_and_what_they_cost() -> None:
    mixed = replace(
        CAMPAIGN,
        campaign="Mixed",
        stories=200,
        stories_imported=150,
        stories_manual=50,
        stories_withheld=1,
        stories_missing=3,
        stories_live=50,
        posts=7,
        cost_per_engagement=Decimal("0.9721"),
        emv=Decimal("54321.00"),
        potential_reach=2_000_000,
        deliverables_promised=12,
        deliverables_delivered=9,
        deliverables_overdue=2,
    )
    text = printed(replace(REPORT, campaigns=(mixed,)))
    first, makeup, cost = (line for line in text.splitlines() if line.startswith("Mixed"))
    assert makeup.split()[1:] == ["200", "75", "%", "25", "%", "0.5", "%", "99.9", "%", "2", "%", "50"]
    assert " ".join(cost.split()[1:]) == "EUR 120,000 EUR 9.72 EUR 0.97 EUR 54,321 2,000,000 9 of 12"
    assert "7 posts" in text
    assert "2 overdue" in text
    assert "creators" in first


def test_a_campaign_whose_stories_all_run_has_no_final_share_yet() -> None:
    live = replace(CAMPAIGN, campaign="Running", share_final=None)
    assert row_of(printed(replace(REPORT, campaigns=(live,))), "Running").split()[-1] == "-"


def test_finality_shares_are_of_the_stories_that_ended() -> None:
    text = printed(REPORT)
    assert "99.7 %" in row_of(text, "sweep")
    assert "%" not in row_of(text, "live")
    assert "0-8 withheld" in row_of(text, "masked")
    assert "unknown" in row_of(text, "missing")
    assert "1,203 stories that ended" in text


def test_a_gap_of_a_story_life_is_marked() -> None:
    text = printed(REPORT)
    assert "26 h 0 min !" in text
    assert "15 min !" not in text


def test_what_came_after_the_last_readings_is_told_with_its_bounds() -> None:
    text = printed(REPORT)
    assert "Later views of sweep stories: about 12,345 (900-23,456), not added." in text
    assert text.count("Later views") == 1


def test_why_stories_were_not_read_to_the_end_is_a_line_for_each_cause() -> None:
    lost = (Loss("throttled", 1234), Loss("our_outage", 1))
    text = printed(replace(REPORT, losses=lost))
    assert "Not read to the end for throttled: 1,234 stories.\nNot read to the end for our_outage: 1 story.\n" in text
    assert "Not read" not in printed(REPORT)


def test_what_people_entered_by_hand_is_told_apart() -> None:
    assert "by hand" not in printed(REPORT) + printed(ONE)
    typed = FinalityClass("manual", 3, 500, 0, 0, by_hand=1)
    text = printed(replace(REPORT, finality=(*REPORT.finality, typed)))
    assert "Entered by hand, shown by no listing: 1 story.\n" in text
    assert "1,206 stories that ended" in text
    captured, uploaded = (replace(ONE.stories[1], provenance=name) for name in ("manual_capture", "creator_upload"))
    text = printed(replace(ONE, stories=(captured, uploaded)))
    assert [line.split() for line in text.splitlines() if line.strip() in BY_HAND.values()] == [
        ["captured"],
        ["uploaded"],
    ]
    assert "Captured, uploaded: people entered it by hand" in text
    assert max(map(len, text.splitlines())) <= 80


def test_how_soon_stories_are_seen_is_told_where_there_were_any() -> None:
    text = printed(REPORT)
    assert row_of(text, "@ben").split()[-4:] == ["0", "14", "min", "-"]
    assert row_of(text, "@mila").split()[-2:] == ["-", "token"]


def test_stretches_in_which_a_story_can_have_lived_unseen_are_listed() -> None:
    assert "ended unseen" not in printed(REPORT)
    since = datetime(2026, 11, 19, 22, 30, tzinfo=UTC)
    stretches = tuple(Unseen(f"zoe_{n}", since, since + timedelta(hours=26), "our_outage") for n in range(21))
    text = printed(replace(REPORT, coverage=replace(REPORT.coverage, unseen=stretches)))
    assert " ".join(row_of(text, "@zoe_0").split()) == "@zoe_0 11-19 22:30 11-21 00:30 26 h 0 min our_outage"
    assert "@zoe_20" not in text
    assert "1 earlier stretch in fct_capture_coverage." in text
    assert max(map(len, text.splitlines())) <= 80


def test_accounts_beyond_the_screen_are_summed_up() -> None:
    many = tuple(
        AccountCoverage(f"creator_{n:02}", 10, 10, 0, timedelta(minutes=60 - n), 1, None, []) for n in range(25)
    )
    text = printed(replace(REPORT, coverage=replace(REPORT.coverage, accounts=many)))
    assert "creator_19" in text
    assert "creator_20" not in text
    assert "5 more accounts: gaps of 40 min or less." in text


def test_who_is_in_trouble_comes_with_reason_and_next_step() -> None:
    text = printed(REPORT)
    for part in ("token_expired", "connect again", "2 days left", "brand contact", "1 account not tracked"):
        assert part in text
    assert "unknown, not 0" in text


def test_an_empty_warehouse_says_what_to_do() -> None:
    text = printed(Report((), (), Coverage(None, None, ()), ()))
    for command in ("storykeep campaigns import FILE.yaml", "storykeep tick, then storykeep build"):
        assert command in text


@pytest.mark.parametrize("part", ["Its creators", "Its stories"])
def test_creators_and_stories_belong_to_one_campaign(part: str) -> None:
    assert part not in printed(REPORT)
    assert part in printed(ONE)


def test_a_story_shows_each_count_as_it_is() -> None:
    text = printed(ONE)
    withheld, unknown = row_of(text, "11-20 09:00"), row_of(text, "11-20 10:00")
    assert withheld.split()[3:7] == ["0-4", "withheld", "0-4", "0-4"]
    assert unknown.count("unknown") == 3
    assert max(map(len, text.splitlines())) <= 80


ONE = replace(
    REPORT,
    campaigns=(CAMPAIGN,),
    creators=(
        CreatorContent("Mila Berg", "mila.in.the.mountains_official", 2, None, 1, 1, 0, 4, None, Decimal("0.5")),
    ),
    stories=(
        StoryContent(
            "1", "mila", datetime(2026, 11, 20, 9, tzinfo=UTC), None, True, None, True, None, True, "masked", "hashtag"
        ),
        StoryContent(
            "2",
            "mila",
            datetime(2026, 11, 20, 10, tzinfo=UTC),
            None,
            False,
            None,
            False,
            None,
            False,
            "missing",
            "mention",
        ),
    ),
)
