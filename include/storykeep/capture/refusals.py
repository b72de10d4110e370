"""What the API refuses of single stories and posts, so that it is not asked at every reading, and what of all."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from storykeep.capture.asks import group_of, key_of
from storykeep.graph.client import Answer
from storykeep.graph.metrics import STORY_GROUPS, MetricGroup, Product, media_groups
from storykeep.settings import Flavour

# Every story has these; the others are refused of many a story for reasons of its own.
_EXPECTED = frozenset(group.name for group in STORY_GROUPS)
# So many stories, and all that were asked, make a metric's refusal a matter of the API and not of the stories.
LEAST_STORIES = 3


def is_optional(group: str) -> bool:
    """Whether a story counts as read without this group: a breakdown that fails must not hold up the core."""
    return _base(group) != "core"


def _base(group: str) -> str:
    """The group that a single metric (`core:reach`) was taken from."""
    return group.partition(":")[0]


def names(group: MetricGroup) -> tuple[str, ...]:
    """What is asked for: metrics, or one metric by its breakdown, which may be refused although the metric is not."""
    return tuple(f"{metric} by {group.breakdown}" if group.breakdown else metric for metric in group.metrics)


def groups(
    flavour: Flavour, refused: Collection[str], product: Product = "STORY", media_type: str | None = None
) -> list[MetricGroup]:
    """The calls that a reading of a story or post takes, less what the API refuses of this one."""
    left = []
    for group in media_groups(product, flavour, media_type):
        known = {metric for metric, name in zip(group.metrics, names(group), strict=True) if name in refused}
        rest = group.without(known)
        if rest is not None:
            left.append(rest)
    return left


def load(conn: psycopg.Connection, media_ids: Collection[str]) -> dict[str, set[str]]:
    """What the API refused of each of these stories or posts, by `names`."""
    found: dict[str, set[str]] = {}
    for media_id, metric in conn.execute(
        "select media_id, metric from app.refused_metrics where media_id = any(%s)", [list(media_ids)]
    ):
        found.setdefault(media_id, set()).add(metric)
    return found


def keep(conn: psycopg.Connection, refusals: Iterable[Answer], at: datetime) -> None:
    """Remember what these answers refuse, of media that was not purged; each was asked for one name."""
    found = {(key_of(one.ask).story_id, *names(group_of(one.ask))): one.error for one in refusals}
    if not found:
        return
    conn.execute(
        """
        insert into app.refused_metrics (media_id, metric, error_code, error_subcode, refused_at)
        select new.*, %s
        from unnest(%s::text [], %s::text [], %s::integer [], %s::integer [])
            as new (media_id, metric, error_code, error_subcode)
        where
            exists (select from app.story_clock where story_id = new.media_id)
            or exists (select from app.media_clock where media_clock.media_id = new.media_id)
        order by new.media_id, new.metric
        on conflict (media_id, metric) do nothing
        """,
        [
            at,
            [story_id for story_id, _ in found],
            [name for _, name in found],
            [error.code if error else None for error in found.values()],
            [error.subcode if error else None for error in found.values()],
        ],
    )


def by_story(refusals: Iterable[Answer]) -> dict[str, set[str]]:
    """What these answers refuse, as `load` tells it."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in refusals:
        found[key_of(one.ask).story_id].update(names(group_of(one.ask)))
    return dict(found)


@dataclass
class Tally:
    """What became of each name in one tick, over all stories."""

    _granted: set[str] = field(default_factory=set)
    _refused: dict[str, dict[str, Answer]] = field(default_factory=lambda: defaultdict(dict))

    def granted(self, answer: Answer) -> None:
        """Take in a good reply."""
        self._granted.update(names(group_of(answer.ask)))

    def refused(self, answer: Answer) -> None:
        """Take in a refusal. One with a subcode, or another code than 100, has a reason in the story itself."""
        if answer.error is None or (answer.error.code, answer.error.subcode) != (100, None):
            return
        if _base(key_of(answer.ask).group) in _EXPECTED:
            for name in names(group_of(answer.ask)):
                self._refused[name][key_of(answer.ask).story_id] = answer

    def refused_of_all(self) -> dict[str, Answer]:
        """The names that nobody's story has any more, which were removed or renamed at Meta, with an example each."""
        return {
            name: next(iter(stories.values()))
            for name, stories in self._refused.items()
            if name not in self._granted and len(stories) >= LEAST_STORIES
        }
