import io
from datetime import UTC, datetime

from rich.console import Console

from storykeep.report.truth import Compared, Kept, render_kept

EXPIRED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def story(story_id: str, true_views: int, kept_views: int | None, cause: str | None = None) -> Compared:
    return Compared(story_id, f"creator_{story_id}", EXPIRED, cause, true_views, kept_views)


def kept(*served: Compared, **unserved: tuple[Compared, ...]) -> Kept:
    return Kept(served, unserved)


def printed(result: Kept) -> str:
    out = io.StringIO()
    render_kept(result, Console(file=out, width=80))
    return out.getvalue()


def test_the_share_is_of_the_views_that_the_api_would_have_given() -> None:
    result = kept(story("1", 1000, 998), story("2", 1000, 1000), token=(story("3", 5000, 10, "token"),))
    assert (result.kept_views, result.true_views) == (1998, 2000)
    assert result.share == 0.999


def test_a_story_that_was_not_captured_lowers_the_share_and_is_named() -> None:
    result = kept(story("1", 900, 900), story("2", 100, None))
    assert result.share == 0.9
    assert [lost.story_id for lost in result.not_captured] == ["2"]
    assert "2 of @creator_2, ended 2026-11-20 12:00, 100 views" in printed(result)


def test_too_many_views_in_one_story_do_not_make_up_for_another() -> None:
    result = kept(story("1", 100, 50), story("2", 100, 150))
    assert result.share == 0.75
    assert [wrong.story_id for wrong in result.above_truth] == ["2"]
    assert "1 story with more views than there were" in printed(result)


def test_nothing_to_keep_is_no_share_at_all() -> None:
    assert kept().share is None
    assert "unknown" in printed(kept())


def test_the_others_are_counted_by_cause() -> None:
    text = printed(
        kept(story("1", 2000, 1999), token=(story("2", 300, 120, "token"),), withheld=(story("3", 3, None),))
    )
    rows = [line.split() for line in text.splitlines()]
    assert ["served", "to", "the", "end", "1", "2,000", "1,999", "99.95", "%"] in rows
    assert any(row[:1] == ["token:"] and row[-4:] == ["1", "300", "120", "-"] for row in rows)
    assert any(row[:1] == ["withheld:"] and row[-4:] == ["1", "3", "0", "-"] for row in rows)
    assert max(map(len, text.splitlines())) <= 80
