"""Two days of 100 accounts, captured by the engine at ticks of five minutes, built into marts; run once for all.

Then the last readings of some stories are taken away, as an outage would have done, and the marts are built again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

import psycopg
from stage import START, TICK, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in

from storykeep.capture.replay import replay
from storykeep.graph.client import open_clients
from storykeep.local.stack import LocalStack
from storykeep.local.virtual_clock import VirtualClock
from storykeep.report.truth import Compared, Kept, kept_against_truth
from storykeep.settings import Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

ACCOUNTS, QUICK_ACCOUNTS = 100, 20
SPAN, QUICK_SPAN = timedelta(days=2), timedelta(days=1)
# Replies that carry others, and files, which no rate limit counts.
NO_CALLS = ("batch", "cdn")


# One story in four loses the readings of its last hour, and one those of its last six; the others are learned from.
OUTAGES = {0: timedelta(hours=1), 1: timedelta(hours=6)}
ONE_IN = 4


class Undercount(NamedTuple):
    """The views that a story had after its last reading, estimated, and the bounds of the interval."""

    estimated: float
    low: float
    high: float


@dataclass(frozen=True)
class AfterOutages:
    """The same days without the last readings of some stories: those that lost them, by how long, and the marts' word.

    Only stories of which a reading is left are among them.
    """

    kept: Mapping[timedelta, Sequence[Compared]]
    undercounts: Mapping[str, Undercount]


@dataclass(frozen=True)
class TwoDays:
    """What came of them.

    `finality`, `ages` (minutes from the last reading to expiry) and `undercounts` are by story id, from the marts;
    `kept` compares the views of the stories that ended with the truth. `calls` are those that the API counted,
    by endpoint. `reading_calls` says how many calls the last reading of each story took.
    """

    end: datetime
    truth: Sequence[Mapping[str, Any]]
    kept: Kept
    finality: Mapping[str, str]
    ages: Mapping[str, float]
    undercounts: Mapping[str, Undercount]
    calls: Mapping[str, int]
    reading_calls: Mapping[str, int]
    after_outages: AfterOutages


def world(bench: Bench) -> dict[str, Any]:
    """The sandbox's world; another sandbox of the same options tells the same truth."""
    return {
        "accounts": QUICK_ACCOUNTS if bench.quick else ACCOUNTS,
        "history_days": (QUICK_SPAN if bench.quick else SPAN).days,
    }


@cache
def run(bench: Bench) -> TwoDays:
    """Let them pass, build the marts, and look."""
    end = START + (QUICK_SPAN if bench.quick else SPAN)
    with sandbox_stack(**world(bench)) as stack:
        settings = settings_of(stack)
        with ingest(settings) as conn:
            take_in(conn, settings, connected_accounts(stack), START)
            stack.ask_sandbox("truth")
            _pass_time(bench, stack, conn, end)
            reading_calls = _reading_calls(conn)
        calls = stack.ask_sandbox("log").json()["calls"]
        truth = stack.ask_sandbox("truth", at=end.isoformat()).json()["stories"]
        with bench.step("the marts"):
            build_marts(settings, end)
        days = _look(settings, end, truth, calls, reading_calls)
        with bench.step("the marts without the last readings of some stories"):
            return replace(days, after_outages=_after_outages(settings, days))


def _pass_time(bench: Bench, stack: LocalStack, conn: psycopg.Connection, end: datetime) -> None:
    settings = settings_of(stack)
    span = f"{(end - START).days} days of ticks every {TICK.seconds // 60} minutes"
    with bench.step(f"{world(bench)['accounts']} accounts, {span}") as say:
        replay(
            conn,
            settings,
            open_clients(settings),
            start=START,
            end=end,
            every=TICK,
            set_clock=VirtualClock(f"{stack.control_url}/clock").set,
            on_tick=lambda now, _: say(f"{now:%d %b %H:%M}"),
        )


def _reading_calls(conn: psycopg.Connection) -> dict[str, int]:
    rows = conn.execute(
        """
        select distinct on (story_id) story_id, count(*)
        from raw.story_insights
        group by story_id, captured_at
        order by story_id, captured_at desc
        """
    )
    return dict(rows.fetchall())


def _look(
    settings: Settings,
    end: datetime,
    truth: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
    reading_calls: Mapping[str, int],
) -> TwoDays:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        kept = kept_against_truth(conn, truth, end)
        rows = conn.execute("select story_id, finality, last_reading_age_minutes from marts.fct_stories").fetchall()
        undercounts = _undercounts(conn)
    counted: dict[str, int] = {}
    for call in calls:
        if call["endpoint"] not in NO_CALLS:
            counted[call["endpoint"]] = counted.get(call["endpoint"], 0) + call["requests"] + call["batch_items"]
    return TwoDays(
        end=end,
        truth=truth,
        kept=kept,
        finality={story_id: finality for story_id, finality, _ in rows},
        ages={story_id: float(age) for story_id, _, age in rows if age is not None},
        undercounts=undercounts,
        calls=counted,
        reading_calls=reading_calls,
        after_outages=AfterOutages({}, {}),
    )


def _undercounts(conn: psycopg.Connection) -> dict[str, Undercount]:
    rows = conn.execute(
        """
        select story_id, estimated_undercount, estimated_undercount_low, estimated_undercount_high
        from marts.fct_stories where estimated_undercount is not null
        """
    )
    return {story_id: Undercount(*map(float, counts)) for story_id, *counts in rows}


def _after_outages(settings: Settings, days: TwoDays) -> AfterOutages:
    lost = {story.story_id: OUTAGES.get(crc32(story.story_id.encode()) % ONE_IN) for story in days.kept.served}
    with connect(settings.warehouse, "storykeep_owner") as conn:
        for length in OUTAGES.values():
            conn.execute(
                """
                delete from raw.story_insights using app.story_clock
                where story_insights.story_id = story_clock.story_id and captured_at > expires_at - %s
                    and story_clock.story_id = any(%s)
                """,
                [length, [story_id for story_id, hours in lost.items() if hours == length]],
            )
        # No landing id tells of rows that are gone: only a build that starts anew forgets them.
        conn.execute("set role storykeep_transform")
        conn.execute("delete from intermediate.last_build")
    build_marts(settings, days.end)
    with connect(settings.warehouse, "storykeep_transform") as conn:
        read = [
            story for story in kept_against_truth(conn, days.truth, days.end).served if story.kept_views is not None
        ]
        return AfterOutages(
            kept={length: [one for one in read if lost[one.story_id] == length] for length in OUTAGES.values()},
            undercounts=_undercounts(conn),
        )
