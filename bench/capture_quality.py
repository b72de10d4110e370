"""What two days of capture kept of the truth, and how many API calls a final number took.

The alternative is a poller that lists every account as often as Storykeep does and reads every live story every 15
minutes. It is counted, not run, and in its favour: each of its readings takes as few calls as the story's last reading
took Storykeep, which by then asks for no metric that the API refuses of it, and each story that it read and that ended
counts as a final number, however old its last reading.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import plots
import two_days
from figures import Figure
from stage import START, Bench
from two_days import TwoDays, Undercount

from storykeep.clock import parse_time
from storykeep.report.truth import Compared

FRESH_MINUTES = 10
FINAL = ("sweep", "masked")
POLL = timedelta(minutes=15)


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare the marts with the truth about every story that ended and that the API served to its end."""
    days = two_days.run(bench)
    served = days.kept.served
    if not bench.quick:
        plots.ages([days.ages[story.story_id] for story in served if story.story_id in days.ages])
    fresh = sum(days.ages.get(story.story_id, float("inf")) <= FRESH_MINUTES for story in served)
    what = f"of {len(served):,} stories: last reading within {FRESH_MINUTES} minutes of expiry"
    yield Figure(what, 100 * fresh / len(served), "%", at_least=99.9)
    true_views = days.kept.true_views
    yield Figure(f"views kept, of {true_views:,} in truth", 100 * days.kept.kept_views / true_views, "%", at_least=99.9)
    yield Figure(
        "reported undercount and the true one are apart", apart(served, days.undercounts), "points", at_most=0.2
    )
    yield Figure("stories whose interval covers the truth", covered(served, days.undercounts), "%", at_least=95)
    for length, lost in days.after_outages.kept.items():
        what = f"without the last {length.seconds // 3600} h of {len(lost)} stories"
        undercounts = days.after_outages.undercounts
        yield Figure(f"{what}: their views kept", 100 * sum(_kept(one) for one in lost) / _truth(lost), "%")
        yield Figure(f"{what}: reported undercount and the true one are apart", apart(lost, undercounts), "points")
        yield Figure(f"{what}: intervals that cover the truth", covered(lost, undercounts), "%", at_least=95)
    ours, polled = calls_per_final(days), polled_calls_per_final(days)
    yield Figure("API calls per final number", ours, "calls")
    yield Figure("against reading every live story every 15 minutes", 100 * ours / polled, "%", at_most=40)


def apart(stories: Sequence[Compared], undercounts: Mapping[str, Undercount]) -> float:
    """How far the reported undercount of the stories is from the true one, in percent of their views."""
    reported = sum(undercounts[story.story_id].estimated for story in stories if story.story_id in undercounts)
    true = _truth(stories) - sum(_kept(story) for story in stories)
    return 100 * abs(reported - true) / _truth(stories)


def covered(stories: Sequence[Compared], undercounts: Mapping[str, Undercount]) -> float:
    """Of the stories with an estimate, the percentage whose interval holds the true undercount."""
    found = [(undercounts[one.story_id], one.true_views - _kept(one)) for one in stories if one.story_id in undercounts]
    return 100 * sum(bounds.low <= true <= bounds.high for bounds, true in found) / max(len(found), 1)


def _kept(story: Compared) -> int:
    return min(story.kept_views or 0, story.true_views)


def _truth(stories: Sequence[Compared]) -> int:
    return max(sum(story.true_views for story in stories), 1)


def calls_per_final(days: TwoDays) -> float:
    """All calls that the API counted, by the final numbers that came of them."""
    finals = sum(days.finality.get(story["story_id"]) in FINAL for story in days.truth)
    return sum(days.calls.values()) / finals


def polled_calls_per_final(days: TwoDays) -> float:
    """The same of the poller; it reads the stories that Storykeep could read."""
    calls, finals = days.calls["stories"], 0
    for story in days.truth:
        if each := days.reading_calls.get(story["story_id"]):
            expires_at = parse_time(story["expires_at"])
            calls += each * polls(parse_time(story["posted_at"]), min(expires_at, days.end))
            finals += expires_at <= days.end
    return calls / finals


def polls(posted_at: datetime, ends_at: datetime) -> int:
    """How many of the moments START, START + 15 min, ... find a story that lives from one moment to another."""
    before = max(-(-(posted_at - START) // POLL), 0)
    return max(-(-(ends_at - START) // POLL) - before, 0)
