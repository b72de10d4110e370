"""What two days of capture kept of the truth, and how many API calls a final number took.

The alternative is a poller that lists every account as often as Storykeep does and reads every live story every 15
minutes. It is counted, not run, and in its favour: each of its readings takes as few calls as the story's last reading
took Storykeep, which by then asks for no metric that the API refuses of it, and each story that it read and that ended
counts as a final number, however old its last reading.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import plots
import two_days
from figures import Figure
from stage import START, Bench
from two_days import TwoDays

from storykeep.clock import parse_time

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
    reported = sum(days.undercounts.get(story.story_id, 0.0) for story in served)
    apart = abs(reported - (true_views - days.kept.kept_views)) / true_views
    yield Figure("reported undercount and the true one are apart", 100 * apart, "points", at_most=0.2)
    ours, polled = calls_per_final(days), polled_calls_per_final(days)
    yield Figure("API calls per final number", ours, "calls")
    yield Figure("against reading every live story every 15 minutes", 100 * ours / polled, "%", at_most=40)


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
