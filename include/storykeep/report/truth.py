"""How close the kept numbers are to the sandbox's truth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from rich.console import Console

from storykeep.clock import parse_time
from storykeep.report.campaigns import built_marts
from storykeep.report.figures import NONE, counted, percent
from storykeep.report.screen import number, say, show, words

MOST_NAMED = 10
CAUSES = {
    "token": "the connection had ended",
    "permission": "no permission to read insights",
    "withheld": "fewer than 5 viewers",
    "not_tracked": "the account is not connected",
}


@dataclass(frozen=True)
class Compared:
    """One story that has ended: its views in truth, and in fct_stories where there are any."""

    story_id: str
    username: str
    expires_at: datetime
    cause: str | None
    true_views: int
    kept_views: int | None


@dataclass(frozen=True)
class Kept:
    """The stories that have ended. `served`: those whose insights the API would have given to the end of their life."""

    served: tuple[Compared, ...]
    unserved: Mapping[str, tuple[Compared, ...]]

    @property
    def true_views(self) -> int:
        """The views that could have been kept."""
        return sum(story.true_views for story in self.served)

    @property
    def kept_views(self) -> int:
        """The views that were kept; what exceeds the truth is none of them."""
        return sum(min(story.kept_views or 0, story.true_views) for story in self.served)

    @property
    def share(self) -> float | None:
        """Kept views over true views, 0 to 1; None when there were no views to keep."""
        return self.kept_views / self.true_views if self.true_views else None

    @property
    def not_captured(self) -> tuple[Compared, ...]:
        """The served stories of which no views were kept at all."""
        return tuple(story for story in self.served if story.kept_views is None)

    @property
    def above_truth(self) -> tuple[Compared, ...]:
        """The served stories with more views kept than there were: a mistake of ours."""
        return tuple(story for story in self.served if (story.kept_views or 0) > story.true_views)


def kept_against_truth(conn: psycopg.Connection, truth: Sequence[Mapping[str, Any]], at: datetime) -> Kept:
    """Compare fct_stories with the sandbox's truth about the stories that had ended by `at`.

    `truth` is the list `stories` of the sandbox's truth. A story that still ran at the last build is left out: its
    final numbers cannot be there yet. Raises StorykeepError when the marts are not built yet.
    """
    with built_marts(conn):
        rows = conn.execute("select story_id, views, finality from fct_stories").fetchall()
    kept: dict[str, int | None] = {story_id: views for story_id, views, _ in rows}
    live = {story_id for story_id, _, finality in rows if finality == "live"}
    ended = [
        _compared(story, kept)
        for story in truth
        if parse_time(story["expires_at"]) <= at and story["story_id"] not in live
    ]
    causes = sorted({story.cause for story in ended if story.cause is not None})
    return Kept(
        served=tuple(story for story in ended if story.cause is None),
        unserved={cause: tuple(story for story in ended if story.cause == cause) for cause in causes},
    )


def _compared(story: Mapping[str, Any], kept: Mapping[str, int | None]) -> Compared:
    return Compared(
        story_id=story["story_id"],
        username=story["username"],
        expires_at=parse_time(story["expires_at"]),
        cause=None if story["served"] else story["cause"],
        true_views=story["views"],
        kept_views=kept.get(story["story_id"]),
    )


def render_kept(kept: Kept, console: Console) -> None:
    """Print the comparison; stories that were served and yet not captured are named."""
    show(
        console,
        "Views kept against the sandbox's truth",
        [words("Stories that ended"), number("Stories"), number("True views"), number("Kept"), number("Share")],
        [
            _cells("served to the end", kept.served, kept.kept_views, percent(kept.share, 2)),
            *(
                _cells(f"{cause}: {CAUSES.get(cause, '')}", stories, sum(story.kept_views or 0 for story in stories))
                for cause, stories in kept.unserved.items()
            ),
        ],
        "Served: the API would have given the numbers all through the last 10 minutes.",
    )
    _name(console, "served but not captured", kept.not_captured)
    _name(console, "with more views than there were", kept.above_truth)


def _cells(label: str, stories: Sequence[Compared], kept_views: int, share: str = NONE) -> tuple[str, ...]:
    true_views = sum(story.true_views for story in stories)
    return label, f"{len(stories):,}", f"{true_views:,}", f"{kept_views:,}", share


def _name(console: Console, what: str, stories: Iterable[Compared]) -> None:
    found = sorted(stories, key=lambda story: (-story.true_views, story.story_id))
    if not found:
        return
    say(console, f"{counted(len(found), 'story', 'stories')} {what}:", style="bold")
    for story in found[:MOST_NAMED]:
        say(
            console,
            f"  {story.story_id} of @{story.username}, ended {story.expires_at:%Y-%m-%d %H:%M},"
            f" {story.true_views:,} views",
        )
    if len(found) > MOST_NAMED:
        say(console, f"  and {len(found) - MOST_NAMED:,} more")
