"""A purge that is killed (-9) at a chosen step: run in a process of its own."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from storykeep.accounts.goodbye.requests import open_requests
from storykeep.maintenance.deletions import carry_out
from storykeep.settings import Settings
from storykeep.warehouse import connect

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


def die_at(step: int, settings: Settings, at: datetime) -> bool:
    """Carry out the one open request in a process that dies at its step number `step`; False when there are fewer.

    Steps lie before and after each commit and each file that is deleted.
    """
    process = context.Process(target=_carry_out, args=(step, settings, at))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the purge ended with {process.exitcode}"
    return process.exitcode != 0


def _carry_out(step: int, settings: Settings, at: datetime) -> None:
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        (request,) = open_requests(conn)
    steps = count()

    def passing(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **options: Any) -> Any:
            _die_if(next(steps) == step)
            result = function(*args, **options)
            _die_if(next(steps) == step)
            return result

        return stepped

    Path.unlink = passing(Path.unlink)  # type: ignore[method-assign]
    psycopg.Transaction.__exit__ = passing(psycopg.Transaction.__exit__)  # type: ignore[method-assign]
    psycopg.Connection.commit = passing(psycopg.Connection.commit)  # type: ignore[method-assign]
    carry_out(settings, {}, request, at)


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
