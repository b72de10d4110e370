"""How reported undercounts are held against the truth."""

from capture_quality import apart, covered
from stage import START
from two_days import Undercount

from storykeep.report.truth import Compared


def story(story_id: str, true_views: int, kept_views: int | None) -> Compared:
    return Compared(story_id, "someone", START, None, true_views, kept_views)


STORIES = [story("within", 110, 100), story("outside", 120, 100), story("not estimated", 70, None)]
UNDERCOUNTS = {"within": Undercount(12, 3, 10), "outside": Undercount(15, 21, 30)}


def test_the_bounds_belong_to_an_interval_and_stories_without_one_are_not_counted() -> None:
    assert covered(STORIES, UNDERCOUNTS) == 50
    assert covered(STORIES[:1], UNDERCOUNTS) == 100


def test_an_undercount_that_was_not_reported_is_one_of_nothing() -> None:
    assert apart(STORIES, UNDERCOUNTS) == 100 * (10 + 20 + 70 - 27) / 300


def test_views_above_the_truth_are_no_negative_undercount() -> None:
    assert apart([story("within", 100, 105)], {"within": Undercount(0, 0, 1)}) == 0
