"""Killing (-9) all of Airflow while a capture run is under way costs at most that run.

Scheduler, dag-processor, triggerer and API server go at once, with the tasks that they run, as when their machine dies.
"""

import os
from collections import defaultdict
from contextlib import suppress
from itertools import chain
from typing import Any

import psutil
import pytest

from storykeep.local.airflow_api import ENDED, wait_for
from storykeep.local.stack import LocalStack
from storykeep.warehouse import connect

pytestmark = pytest.mark.e2e

DAG = "capture_stories"
SECONDS = 300.0


def a_run_under_way(stack: LocalStack) -> dict[str, Any] | None:
    """The newest capture run, when one of its tasks works at this moment."""
    for newest in stack.airflow.api.runs(DAG)[:1]:
        tasks = stack.airflow.api.task_instances(DAG, newest["dag_run_id"])
        if any(task["state"] == "running" for task in tasks):
            return newest
    return None


def kill_everything(stack: LocalStack) -> int:
    """SIGKILL to every process of the four programs' sessions; returns how many sessions there were."""
    members = defaultdict(list)
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            leader = psutil.Process(os.getsid(process.pid))
            if leader.cwd() == str(stack.folder / "airflow" / "processes"):
                members[leader.pid].append(process)
    for process in chain.from_iterable(members.values()):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(members)


def readings_that_did_not_land(stack: LocalStack) -> list[tuple[str, ...]]:
    """The stories whose clock tells of a reading that is not there."""
    with connect(stack.settings.warehouse, "storykeep_ingest") as conn:
        return conn.execute(
            """
            select story_id from app.story_clock
            where read_at is not null and not exists (
                select from raw.story_insights
                where story_insights.story_id = story_clock.story_id and captured_at = read_at
            )
            """
        ).fetchall()


def test_a_killed_airflow_goes_on_with_the_next_tick(stack: LocalStack) -> None:
    airflow = stack.airflow
    killed = wait_for(lambda: a_run_under_way(stack), SECONDS, what="a capture run under way", every=0.2)
    assert kill_everything(stack) == 4
    airflow.start()
    airflow.wait_until_healthy()

    def next_run() -> dict[str, Any] | None:
        later = [run for run in airflow.api.runs(DAG) if began(run) > began(killed) and run["state"] in ENDED]
        return later[-1] if later else None

    following = wait_for(next_run, SECONDS, what="the run after the killed one")
    assert following["state"] == "success"
    assert airflow.api.run(DAG, killed["dag_run_id"])["state"] in ENDED
    assert readings_that_did_not_land(stack) == []
    with connect(stack.settings.warehouse, "storykeep_ingest") as conn:
        states = dict(
            conn.execute(
                "select run_id, status from app.runs where kind = 'capture' and starts_with(run_id, %s)",
                [following["dag_run_id"]],
            ).fetchall()
        )
    assert set(states.values()) <= {"ok", "trouble"} and states


def began(run: dict[str, Any]) -> str:
    return str(run["run_after"])
