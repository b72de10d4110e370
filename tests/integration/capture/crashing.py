"""A tick, or other work, that is killed (-9) at a chosen step of it, in a process of its own."""

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

from storykeep.accounts.goodbye.requests import open_requests
from storykeep.accounts.health import check_tokens
from storykeep.accounts.rotation import rotate
from storykeep.accounts.vault import Vault
from storykeep.capture.replay import run_tick
from storykeep.clock import fixed_clock
from storykeep.graph.client import open_clients
from storykeep.maintenance.deletions import carry_out
from storykeep.settings import Settings
from storykeep.warehouse import connect

# Its processes are forked from a clean one that has all modules loaded, so a crash costs milliseconds.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


def tick(conn: psycopg.Connection, settings: Settings, at: datetime) -> None:
    """The work of the DAG capture_stories."""
    conn.autocommit = True
    run_tick(conn, settings, open_clients(settings), fixed_clock(at))


def watch(conn: psycopg.Connection, settings: Settings, at: datetime) -> None:
    """The work of the DAG watch_tokens."""
    check_tokens(conn, Vault(settings.token_keys), open_clients(settings), fixed_clock(at))


def rotation(conn: psycopg.Connection, settings: Settings, at: datetime) -> None:
    """The work of `storykeep tokens rotate`."""
    rotate(conn, Vault(settings.token_keys))


def deletion(conn: psycopg.Connection, settings: Settings, at: datetime) -> None:
    """The work of `storykeep accounts purge --requested` with one open request."""
    (request,) = open_requests(conn)
    conn.rollback()
    carry_out(settings, {}, request, at)


Work = Callable[[psycopg.Connection, Settings, datetime], None]


def crash_at(step: int, settings: Settings, at: datetime, work: Work = tick) -> bool:
    """Do the work in a process that dies at its step number `step`; False when the work had fewer steps.

    Steps lie before and after each request that is sent, each file that is given its name or deleted, and each
    transaction that is committed.
    """
    process = context.Process(target=_do, args=(step, settings, at, work))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the work ended with {process.exitcode}"
    return process.exitcode != 0


def _do(step: int, settings: Settings, at: datetime, work: Work) -> None:
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
    Path.unlink = passing(Path.unlink)  # type: ignore[method-assign]
    psycopg.Transaction.__exit__ = passing(psycopg.Transaction.__exit__)  # type: ignore[method-assign]
    psycopg.Connection.commit = passing(psycopg.Connection.commit)  # type: ignore[method-assign]
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        work(conn, settings, at)


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
