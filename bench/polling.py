"""Views kept by how often a story is read: at four intervals, and by Storykeep, over the same two days.

A poller reads all stories of an account at fixed intervals, each account at a time of its own. What it keeps of a story
is what the API served when it last came by; where that was withheld, or where it never came by, it keeps nothing. The
sandbox tells what it would have served at any moment, so nothing has to be polled.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from zlib import crc32

import plots
import two_days
from figures import Figure
from stage import START, Bench, sandbox_stack

from storykeep.local.stack import LocalStack
from storykeep.report.truth import Compared
from storykeep.sandbox.switches import MIN_VIEWERS

INTERVALS = {
    "every 24 h": timedelta(hours=24),
    "every 4 h": timedelta(hours=4),
    "every 1 h": timedelta(hours=1),
    "every 15 min": timedelta(minutes=15),
}
# The times of the accounts are a multiple of it apart, so that one look at the truth serves many.
GRAIN = timedelta(minutes=5)
LIFE = timedelta(hours=24)


def measure(bench: Bench) -> Iterator[Figure]:
    """Keep the same stories in five ways."""
    kept = two_days.run(bench).kept
    with sandbox_stack(**two_days.world(bench)) as stack:
        shares = {name: _polled(bench, stack, kept.served, name) / kept.true_views for name in INTERVALS}
    shares["Storykeep"] = kept.kept_views / kept.true_views
    if not bench.quick:
        plots.strategies(shares)
    for name, share in shares.items():
        yield Figure(f"views kept, {name}", 100 * share, "%")


def _polled(bench: Bench, stack: LocalStack, stories: Iterable[Compared], name: str) -> int:
    """The views that a poller keeps of these stories."""
    visits: defaultdict[datetime, list[str]] = defaultdict(list)
    for story in stories:
        at = last_visit(story.expires_at, INTERVALS[name], story.username)
        if at >= story.expires_at - LIFE:
            visits[at].append(story.story_id)
    views = 0
    with bench.step(f"the truth at the last visits {name}") as say:
        for place, (at, story_ids) in enumerate(visits.items()):
            say(f"{place} of {len(visits)}")
            served = _served(stack, at)
            views += sum(served.get(story_id, 0) for story_id in story_ids)
    return views


def last_visit(before: datetime, every: timedelta, who: str) -> datetime:
    """The last moment before `before` at which a poller with this interval comes by `who`."""
    phase = crc32(f"{who} {every}".encode()) % (every // GRAIN) * GRAIN
    first = START - LIFE - timedelta(days=1) + phase
    return first + (before - first - timedelta(microseconds=1)) // every * every


def _served(stack: LocalStack, at: datetime) -> Mapping[str, int]:
    """The views that the API serves at that moment, by story."""
    rows = stack.ask_sandbox("truth", at=at.isoformat()).json()["stories"]
    return {row["story_id"]: row["views"] for row in rows if row["viewers"] >= MIN_VIEWERS}
