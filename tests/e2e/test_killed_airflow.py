"""Killing (-9) all of Airflow while a capture run is under way costs at most that run, and doubles nothing.

Scheduler, dag-processor, triggerer and API server go at once, with the tasks that they run, as when their machine dies.
"""

import os
from contextlib import suppress
from typing import Any

import psutil
import pytest

from storykeep.local.airflow_api import ENDED, wait_for
from storykeep.local.stack import LocalStack
from storykeep.warehouse import connect

pytestmark = pytest.mark.e2e

DAG = "capture_stories"
SECONDS = 300.0
PROGRAMS = ("api-server", "dag-processor", "triggerer", "scheduler")


def a_run_under_way(stack: LocalStack) -> dict[str, Any] | None:
    """The newest capture run, when one of its tasks works at this moment."""
    newest = stack.airflow.api.runs(DAG)[0]
    if newest["state"] in ENDED:
        return None
    tasks = stack.airflow.api.task_instances(DAG, newest["dag_run_id"])
    return newest if any(task["state"] == "running" for task in tasks) else None


def kill_everything(stack: LocalStack) -> set[str]:
    """SIGKILL to every process of the four programs' sessions; returns the programs that were met."""
    met = set()
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error, ProcessLookupError):
            leader = psutil.Process(os.getsid(process.pid))
            if leader.cwd() == str(stack.folder / "airflow" / "processes"):
                met |= set(PROGRAMS) & set(leader.cmdline())
                process.kill()
    return met


def doubled(stack: LocalStack) -> dict[str, int]:
    """How many more readings, listings and stories there are than different ones."""
    with connect(stack.settings.warehouse, "storykeep_ingest") as conn:
        return {
            table: conn.execute(f"select count(*) - count(distinct ({key})) from raw.{table}").fetchone()[0]  # type: ignore[index]  # noqa: S608 (fixed names)
            for table, key in (
                ("story_listings", "account_id, captured_at"),
                ("stories", "story_id, content_hash"),
                ("story_insights", "story_id, metric_group, captured_at"),
            )
        }


def test_a_killed_airflow_goes_on_with_the_next_tick_and_doubles_nothing(stack: LocalStack) -> None:
    airflow = stack.airflow
    killed = wait_for(lambda: a_run_under_way(stack), SECONDS, what="a capture run under way", every=0.2)
    assert kill_everything(stack) == set(PROGRAMS)
    airflow.start()
    airflow.wait_until_healthy()

    def next_run() -> dict[str, Any] | None:
        later = [run for run in airflow.api.runs(DAG) if began(run) > began(killed) and run["state"] in ENDED]
        return later[-1] if later else None

    following = wait_for(next_run, SECONDS, what="the run after the killed one")
    assert following["state"] == "success"
    assert airflow.api.run(DAG, killed["dag_run_id"])["state"] in ENDED
    assert doubled(stack) == {"story_listings": 0, "stories": 0, "story_insights": 0}
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
