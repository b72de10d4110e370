"""Reads the insights of accounts, of each finished day, and who their audience is."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from storykeep.capture.replies import Told
from storykeep.content import clocks
from storykeep.content.numbers import Chunk, Reader, read
from storykeep.content.planner import Day, Subject
from storykeep.content.run import ContentKey, ContentRun, content_key
from storykeep.graph import endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.metrics import AUDIENCE_GROUPS, DAY_GROUPS, AccountGroup
from storykeep.landing.rows import AccountInsight, Audience


def read_days(run: ContentRun, days: Mapping[str, tuple[Day, ...]]) -> None:
    """Read the insights of these days, which come with the oldest first for each account."""
    asks = (
        _asks(run, account_id, "account_insights", DAY_GROUPS, day) for account_id, due in days.items() for day in due
    )
    # What else fails of a day is read with the next days, when this one is read again.
    read(run, asks, Reader("insights", _day_row, _Calendar(days).move, required=("reach",)))


def read_audiences(run: ContentRun, account_ids: Collection[str]) -> None:
    """Read the demographics of these accounts. Why there are none is told by the status of the reply."""
    asks = (_asks(run, account_id, "audience", AUDIENCE_GROUPS) for account_id in account_ids)
    read(run, asks, Reader("insights", _audience_row, _move_audiences))


def _asks(
    run: ContentRun, account_id: str, subject: Subject, groups: Iterable[AccountGroup], day: Day | None = None
) -> list[Ask]:
    one = run.connections[account_id]
    return [
        endpoints.account_insights(
            one.ig_user_id,
            one.token,
            group,
            key=ContentKey(account_id, group=group.name, subject=subject, day=day),
            since=day.since if day else None,
            until=day.until if day else None,
        )
        for group in groups
    ]


@dataclass(frozen=True)
class _Calendar:
    """The days that a run reads, and those that were answered so far.

    An account's clock moves up to the first day that was not: a day that failed is not left behind.
    """

    days: Mapping[str, tuple[Day, ...]]
    answered: set[ContentKey] = field(default_factory=set)

    def move(self, run: ContentRun, chunk: Chunk) -> None:
        self.answered.update(chunk.answered)
        accounts = {key.account_id for key in chunk.tried}
        clocks.asked(run.conn, "account_insights", {one: self._read_until(one) for one in accounts}, run.now)
        run.run.counts["days"] += len(chunk.read & chunk.answered)

    def _read_until(self, account_id: str) -> datetime | None:
        read_days = takewhile(lambda day: self._is_answered(account_id, day), self.days[account_id])
        return max((day.until for day in read_days), default=None)

    def _is_answered(self, account_id: str, day: Day) -> bool:
        return ContentKey(account_id, subject="account_insights", day=day) in self.answered


def _move_audiences(run: ContentRun, chunk: Chunk) -> None:
    done = {key.account_id: run.now if key in chunk.answered else None for key in chunk.tried}
    clocks.asked(run.conn, "audience", done, run.now)
    run.run.counts["audiences"] += len(chunk.answered)


def _day_row(run: ContentRun, answer: Answer, at: datetime, told: Told) -> AccountInsight:
    key = content_key(answer.ask)
    if key.day is None:
        raise TypeError(f"not an ask about a day: {key!r}")
    return AccountInsight(
        account_id=key.account_id,
        metric_group=key.group,
        since=key.day.since,
        until=key.day.until,
        captured_at=at,
        run_id=run.run.run_id,
        api_version=answer.api_version,
        **vars(told),
    )


def _audience_row(run: ContentRun, answer: Answer, at: datetime, told: Told) -> Audience:
    return Audience(
        account_id=content_key(answer.ask).account_id,
        metric=answer.ask.params["metric"],
        dimension=answer.ask.params["breakdown"],
        timeframe=answer.ask.params.get("timeframe"),
        captured_at=at,
        run_id=run.run.run_id,
        api_version=answer.api_version,
        **vars(told),
    )
