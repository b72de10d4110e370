"""Two days of 100 accounts, captured by the engine at ticks of five minutes, built into marts; run once for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import psycopg
from stage import START, TICK, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in

from storykeep.capture.replay import replay
from storykeep.graph.client import open_clients
from storykeep.local.stack import LocalStack
from storykeep.local.virtual_clock import VirtualClock
from storykeep.report.truth import Kept, kept_against_truth
from storykeep.settings import Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

ACCOUNTS, QUICK_ACCOUNTS = 100, 20
SPAN, QUICK_SPAN = timedelta(days=2), timedelta(days=1)
# Replies that carry others, and files, which no rate limit counts.
NO_CALLS = ("batch", "cdn")


@dataclass(frozen=True)
class TwoDays:
    """What came of them.

    `finality`, `ages` (minutes from the last reading to expiry) and `undercounts` (views) are by story id, from the
    marts; `kept` compares the views of the stories that ended with the truth. `calls` are those that the API counted,
    by endpoint. `reading_calls` says how many calls the last reading of each story took.
    """

    end: datetime
    truth: Sequence[Mapping[str, Any]]
    kept: Kept
    finality: Mapping[str, str]
    ages: Mapping[str, float]
    undercounts: Mapping[str, float]
    calls: Mapping[str, int]
    reading_calls: Mapping[str, int]


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
        return _look(settings, end, truth, calls, reading_calls)


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
        rows = conn.execute(
            "select story_id, finality, last_reading_age_minutes, estimated_undercount from marts.fct_stories"
        ).fetchall()
    counted: dict[str, int] = {}
    for call in calls:
        if call["endpoint"] not in NO_CALLS:
            counted[call["endpoint"]] = counted.get(call["endpoint"], 0) + call["requests"] + call["batch_items"]
    return TwoDays(
        end=end,
        truth=truth,
        kept=kept,
        finality={story_id: finality for story_id, finality, _, _ in rows},
        ages={story_id: float(age) for story_id, _, age, _ in rows if age is not None},
        undercounts={story_id: float(less) for story_id, _, _, less in rows if less is not None},
        calls=counted,
        reading_calls=reading_calls,
    )
