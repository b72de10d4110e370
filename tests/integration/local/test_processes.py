"""Programs are ended with everything that they started, also what left their process group."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from storykeep.errors import StorykeepError
from storykeep.local.processes import Processes

pytestmark = pytest.mark.integration

# A leader with a worker in the same group, and a task in a group of its own, as Airflow has them.
FAMILY = """
import os, signal, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
worker = subprocess.Popen(sleep)
task = subprocess.Popen(sleep, process_group=0)
{extra}
print(worker.pid, task.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "processes")
    yield processes
    processes.stop()


def start_family(processes: Processes, extra: str = "") -> list[psutil.Process]:
    processes.launch("family", [sys.executable, "-c", FAMILY.format(extra=extra)], os.environ, patience=0.5)
    return [psutil.Process(int(pid)) for pid in wait_for_line(processes.log("family")).split()]


def wait_for_line(log: Path) -> str:
    deadline = time.monotonic() + 20
    while "\n" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    return log.read_text()


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_ends_the_worker_and_the_task_that_made_a_group_of_its_own(processes: Processes) -> None:
    worker, task = start_family(processes)
    assert not is_gone(worker) and not is_gone(task)
    assert os.getpgid(task.pid) != os.getpgid(worker.pid)
    processes.stop()
    assert is_gone(worker) and is_gone(task)


def test_ends_by_force_what_does_not_listen(processes: Processes) -> None:
    worker, task = start_family(processes, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    processes.stop()
    assert is_gone(worker) and is_gone(task)


def test_ends_what_a_killed_run_left_behind_although_the_leader_is_gone(processes: Processes) -> None:
    worker, task = start_family(processes)
    os.kill(os.getsid(worker.pid), signal.SIGKILL)
    Processes(processes.folder).stop()
    assert is_gone(worker) and is_gone(task)


def test_a_number_that_was_given_to_another_program_is_left_alone(processes: Processes) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        processes.folder.mkdir()
        (processes.folder / "processes.json").write_text(f'{{"old": [{stranger.pid}, 1.0, 0.1]}}')
        processes.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_program_sees_the_environment_that_it_is_given_and_nothing_else(processes: Processes) -> None:
    command = [sys.executable, "-c", "import os; print(sorted(os.environ.keys() - {'LC_CTYPE'}), os.environ['ONE'])"]
    processes.launch("show", command, {"ONE": "1"})
    assert wait_for_line(processes.log("show")) == "['ONE'] 1\n"


def test_one_that_ended_by_itself_is_reported_with_its_last_words(processes: Processes) -> None:
    processes.launch("broken", [sys.executable, "-c", "print('no such port'); raise SystemExit(3)"], os.environ)
    wait_for_line(processes.log("broken"))
    with pytest.raises(StorykeepError, match="broken ended with status 3: no such port"):
        for _ in range(1000):
            processes.check()
            time.sleep(0.01)


def test_stopping_twice_or_nothing_is_no_error(processes: Processes) -> None:
    processes.stop()
    start_family(processes)
    processes.stop()
    processes.stop()
    processes.check()
