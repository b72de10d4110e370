"""A tick that is killed (-9) at a chosen step: run in a process of its own by test_crash.py."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import requests

from storykeep.capture.replay import run_tick
from storykeep.clock import fixed_clock
from storykeep.graph.client import open_clients
from storykeep.settings import Settings
from storykeep.warehouse import connect

# Its processes are forked from a clean one that has all modules loaded, so a crash costs milliseconds.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


def crash_at(step: int, settings: Settings, at: datetime) -> bool:
    """Run a tick in a process that dies at its step number `step`; False when the tick had fewer steps.

    Steps lie before and after each request that is sent, each file that is given its name and each transaction that is
    committed.
    """
    process = context.Process(target=_tick, args=(step, settings, at))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the tick ended with {process.exitcode}"
    return process.exitcode != 0


def _tick(step: int, settings: Settings, at: datetime) -> None:
    steps = count()

    def passing(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **options: Any) -> Any:
            _die_if(next(steps) == step)
            result = function(*args, **options)
            _die_if(next(steps) == step)
            return result

        return stepped

    requests.Session.send = passing(requests.Session.send)  # type: ignore[method-assign]
    Path.rename = passing(Path.rename)  # type: ignore[method-assign]
    psycopg.Transaction.__exit__ = passing(psycopg.Transaction.__exit__)  # type: ignore[method-assign]
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        run_tick(conn, settings, open_clients(settings), fixed_clock(at))


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
