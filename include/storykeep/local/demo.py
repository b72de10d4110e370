"""`make demo`: two weeks of stories, kept; then the real Airflow, and what came of it.

`make up` does the same and stays up.
"""

import argparse
import csv
import io
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import Progress

from storykeep.capture.replay import replay
from storykeep.clock import fixed_clock, parse_time, system_clock
from storykeep.content.engine import sync_content
from storykeep.errors import StorykeepError
from storykeep.graph.client import open_clients
from storykeep.local import handwork
from storykeep.local.airflow_api import AirflowApi, wait_for
from storykeep.local.stack import LocalStack
from storykeep.local.virtual_clock import VirtualClock
from storykeep.report.campaigns import gather, render
from storykeep.report.truth import Kept, kept_against_truth, render_kept
from storykeep.warehouse import connect

ACCOUNTS = 14
SEED = 1
HISTORY = timedelta(days=14)
# Every story gets a sweep at any interval up to the ten minutes that a sweep may be old; this one is the longest.
REPLAY_EVERY = timedelta(minutes=10)
# In this part of the history, the last, manual tracking is on.
TRACKED = 0.8
# A schedule shortened for the screen; a deployment's default is five minutes.
TICK = timedelta(seconds=30)
TICKS = 2
AIRFLOW_SECONDS = 300
KEPT_AT_LEAST = 0.995
FRESH_SECONDS = 300
ALERT_DAYS = timedelta(days=14)

console = Console()


def main() -> int:
    """Run the demo; exit status 0 only if everything that it expects of itself was so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stay", action="store_true", help="stay up at the end, until Ctrl-C")
    stay = parser.parse_args().stay
    # Set outright: a shell starts a background job with Ctrl-C ignored, and both have to stop what was started.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The steps say what happens; of the engine only what went wrong is of interest.
    logging.basicConfig(level=logging.ERROR, format="  %(message)s")
    try:
        with LocalStack(tick=TICK, say=_say) as stack:
            faults = run(stack, HISTORY)
            if stay:
                _stay(stack)
    except StorykeepError as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if faults else 0


def run(stack: LocalStack, history: timedelta) -> list[str]:
    """Run the demo over `history` (whole days) and return what was not as expected. Leaves everything running."""
    present = system_clock().replace(microsecond=0)
    with _step("Postgres, the Graph API sandbox, the schemas, accounts and campaigns"):
        stack.start_afresh()
        stack.start_sandbox(accounts=ACCOUNTS, seed=SEED, start=present - history, history_days=history.days)
        stack.prepare_warehouse(present - history)
        with connect(stack.settings.warehouse, "storykeep_ingest") as conn:
            handwork.switch_tracking(conn, present - history * TRACKED)
    with (
        _step(f"{history.days} days of ticks over the sandbox's clock, to {present:%Y-%m-%d %H:%M} UTC"),
        ThreadPoolExecutor(1) as beside,
    ):
        migrated = beside.submit(stack.airflow.migrate)
        _fast_forward(stack, present - history, present)
        migrated.result()
    with _step("By hand: the stories of a creator who has not connected"):
        handed_in, faults = _hand_in(stack, present - history * TRACKED, present)
    with _step("Airflow: scheduler, dag-processor, triggerer, API server"):
        stack.set_sandbox_clock(now=system_clock().isoformat(), speed=1)
        stack.airflow.start()
        stack.airflow.wait_until_healthy()
    with _step(f"The DAGs on a schedule of {TICK.total_seconds():.0f} s"):
        faults += _watch(stack.airflow.api, _expected_alerts(stack))
    faults += _shortfalls(_report(stack))
    with connect(stack.settings.warehouse, "storykeep_transform") as conn:
        faults += handwork.shortfalls(conn, handed_in)
    with _step("Single connections: what is wrong with one, and a goodbye"):
        faults += _show_connections(stack)
    for fault in faults:
        console.print(f"not as expected: {fault}", style="red", markup=False)
    if not faults:
        console.print("Everything was as expected.", style="green")
    return faults


@contextmanager
def _step(title: str) -> Iterator[None]:
    console.print(title, style="bold", markup=False)
    begun = time.monotonic()
    yield
    console.print(f"  done in {time.monotonic() - begun:.0f} s")


def _say(line: str) -> None:
    console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _fast_forward(stack: LocalStack, start: datetime, end: datetime) -> None:
    settings = replace(stack.settings, list_every=REPLAY_EVERY)
    set_clock = VirtualClock(f"{stack.control_url}/clock").set
    with connect(settings.warehouse, "storykeep_ingest") as conn, Progress(console=console) as progress:
        conn.autocommit = True
        task = progress.add_task("", total=(end - start).total_seconds())
        ticks = replay(
            conn,
            settings,
            open_clients(settings),
            start=start,
            end=end,
            every=REPLAY_EVERY,
            set_clock=set_clock,
            on_tick=lambda now, _: progress.update(
                task, completed=(now - start).total_seconds(), description=f"  {now:%d %b %H:%M}"
            ),
        )
        set_clock(end)
        content = sync_content(conn, settings, open_clients(settings), fixed_clock(end), "content-demo")
        (stories,) = conn.execute("select count(*) from app.story_clock").fetchone() or (0,)
        (readings,) = conn.execute("select count(*) from raw.story_insights").fetchone() or (0,)
    _say(f"{ticks} ticks, {stories} stories, {readings} insight replies")
    _say(f"{content.counts['readings of posts']} posts and reels, {content.counts['audiences']} audiences")


def _hand_in(stack: LocalStack, tracked_from: datetime, now: datetime) -> tuple[handwork.Handwork, list[str]]:
    truth = stack.ask_sandbox("truth", at=now.isoformat()).json()["stories"]
    return handwork.hand_in(stack.folder / "handed_in", truth, tracked_from, now, partial(_command, stack))


def _expected_alerts(stack: LocalStack) -> set[str]:
    """The handles of whom watch_tokens has to tell, worked out from the sandbox alone."""
    now = system_clock()
    found = set()
    for account in csv.DictReader(io.StringIO(stack.ask_sandbox("accounts.csv").text)):
        ends = [account[clock] for clock in ("token_expires_at", "data_access_expires_at") if account[clock]]
        if account["access_token"] and any(parse_time(end) - now < ALERT_DAYS for end in ends):
            found.add(account["username"])
    truth = stack.ask_sandbox("truth", at=now.isoformat()).json()["stories"]
    return found | {story["username"] for story in truth if story["cause"] == "permission"}


def _watch(airflow: AirflowApi, alerts: set[str]) -> list[str]:
    """Wait for the runs that are due and return what was not as expected of them."""
    captures = wait_for(
        lambda: _ended(airflow, "capture_stories", TICKS), AIRFLOW_SECONDS, what=f"{TICKS} runs of capture_stories"
    )
    _say(f"capture_stories: {len(captures)} runs ended")
    (watch,) = wait_for(lambda: _ended(airflow, "watch_tokens", 1), AIRFLOW_SECONDS, what="a run of watch_tokens")[-1:]
    faults = _check_watch(airflow, watch, alerts)
    last = captures[0]["start_date"]
    builds = wait_for(
        lambda: [run for run in _ended(airflow, "build_marts", 1) or () if run["start_date"] > last] or None,
        AIRFLOW_SECONDS,
        what="a run of build_marts after the last tick",
    )
    _say(f"build_marts: {len(builds)} runs ended, triggered by the raw asset")
    freshness = _freshness(airflow, builds)
    _say(f"from the begin of a tick to its readings in the marts: {freshness:.0f} s at most")
    if freshness > FRESH_SECONDS:
        faults.append(f"readings came into the marts after {freshness:.0f} s, not within {FRESH_SECONDS}")
    again = airflow.wait_for_run("watch_tokens", airflow.trigger("watch_tokens"), AIRFLOW_SECONDS)
    _say(f"watch_tokens again: {again['state']}, since each step is told once")
    return faults + [
        f"{run['dag_id']} {run['dag_run_id']} ended as {run['state']}"
        for run in [*captures, *builds, again]
        if run["state"] != "success"
    ]


def _freshness(airflow: AirflowApi, builds: list[dict[str, Any]]) -> float:
    """How old a reading was at most when the marts had it, in seconds: from its tick's begin to its build's end."""
    begins = {run["dag_run_id"]: parse_time(run["start_date"]) for run in airflow.runs("capture_stories")}
    return max(
        (parse_time(build["end_date"]) - begins[event["source_run_id"]]).total_seconds()
        for build in builds
        for event in airflow.causes("build_marts", build["dag_run_id"])
        if event["source_run_id"] in begins
    )


def _ended(airflow: AirflowApi, dag_id: str, at_least: int) -> list[dict[str, Any]] | None:
    """The ended runs of a DAG, newest first; None while they are fewer than `at_least` or the DAG is not read yet."""
    if errors := airflow.import_errors():
        raise StorykeepError(f"{errors[0]['filename']}: {errors[0]['stack_trace']}", where="dags/")
    if dag_id not in airflow.dag_ids():
        return None
    runs = [run for run in airflow.runs(dag_id) if run["state"] in ("success", "failed")]
    return runs if len(runs) >= at_least else None


def _check_watch(airflow: AirflowApi, run: dict[str, Any], alerts: set[str]) -> list[str]:
    """watch_tokens has to fail, with a task for just these accounts."""
    log = airflow.log("watch_tokens", run["dag_run_id"], "tell")
    told = [line for line in log.splitlines() if "@" in line and ("left; " in line or "no end known; " in line)]
    for line in dict.fromkeys(line.partition("@")[2] for line in told):
        _say(f"watch_tokens: @{line}")
    tasks = airflow.task_instances("watch_tokens", run["dag_run_id"])
    named = {
        str(task["rendered_map_index"]).removeprefix("@")
        for task in tasks
        if (task["task_id"], task["state"]) == ("alert", "failed")
    }
    if run["state"] != "failed" or named != alerts:
        return [f"watch_tokens ended as {run['state']} naming {sorted(named)}, not {sorted(alerts)}"]
    _say(f"watch_tokens failed as it should, for {len(alerts)} accounts")
    checked = airflow.log("watch_tokens", run["dag_run_id"], "check_tokens")
    renewed = [line for line in checked.splitlines() if "was renewed" in line]
    for line in renewed[:1]:
        _say(f"watch_tokens: @{line.partition('@')[2]}")
    _say(f"watch_tokens renewed {len(renewed)} tokens")
    return []


def _report(stack: LocalStack) -> Kept:
    now = system_clock()
    truth = stack.ask_sandbox("truth", at=now.isoformat()).json()["stories"]
    with connect(stack.settings.warehouse, "storykeep_transform") as conn:
        render(gather(conn), console)
        kept = kept_against_truth(conn, truth, now)
    render_kept(kept, console)
    return kept


def _shortfalls(kept: Kept) -> list[str]:
    if kept.share is None or kept.share < KEPT_AT_LEAST:
        return [f"the views kept are {kept.share} of the truth, not at least {KEPT_AT_LEAST}"]
    return []


def _show_connections(stack: LocalStack) -> list[str]:
    """Diagnose an account in trouble and disconnect a healthy one, as a person would."""
    troubled = _expected_alerts(stack)
    rows = csv.DictReader(io.StringIO(stack.ask_sandbox("accounts.csv").text))
    healthy = [row["username"] for row in rows if row["access_token"] and row["login_flavour"] == "facebook"]
    leaving = next(username for username in healthy if username not in troubled)
    faults = _command(stack, "accounts", "diagnose", min(troubled), expect=1)
    return faults + _command(stack, "accounts", "disconnect", leaving, expect=0)


def _command(stack: LocalStack, *words: str, expect: int) -> list[str]:
    """Run a command of the console script, show what it prints, and return whether it ended otherwise than expected."""
    _say(f"$ storykeep {' '.join(words)}")
    done = subprocess.run(
        [sys.executable, "-m", "storykeep", *words],
        env={**stack.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in (done.stdout + done.stderr).splitlines():
        _say(line)
    return [] if done.returncode == expect else [f"storykeep {' '.join(words)} ended with {done.returncode}"]


def _stay(stack: LocalStack) -> None:
    user, password = stack.airflow.login
    _say(f"Airflow    {stack.airflow.url} (user {user}, password {password})")
    _say(f"sandbox    {stack.control_url}/truth")
    _say(f"Data Docs  {(stack.settings.work_dir / 'data_docs' / 'index.html').as_uri()}")
    _say(f"marts      {stack.bi_uri}")
    _say(f"commands   set -a; . {stack.write_environment()}; set +a; .venv/bin/storykeep status")
    _say("Ctrl-C stops everything.")
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
