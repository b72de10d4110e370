"""The processes that tick: one for each shard as in the DAG, one more for one that runs twice, and those that die."""

import logging
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import requests

from soaking.schedule import Kill
from storykeep.capture.engine import capture
from storykeep.capture.media import archive_media
from storykeep.clock import fixed_clock
from storykeep.graph.client import GraphClient
from storykeep.settings import FLAVOURS, Flavour, Settings
from storykeep.warehouse import connect

# Retries wait so many times less: it is the virtual clock that counts, and it stands still meanwhile.
HASTE = 50

_conn: psycopg.Connection
_settings: Settings


@dataclass
class Crew:
    """Runs ticks over all shards. What it counts: `kills` by where the process died, `failures` of ticks by text."""

    settings: Settings
    log: Path
    kills: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    ticks: int = 0

    def __enter__(self) -> Self:
        self._pool = ProcessPoolExecutor(
            self.settings.shards + 1,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self.settings, self.log),
        )
        # The dying are forked from a clean process that has all modules loaded, so each costs milliseconds.
        self._mortal = multiprocessing.get_context("forkserver")
        self._mortal.set_forkserver_preload([capture.__module__, archive_media.__module__])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def tick(self, at: datetime, *, twice: int | None = None, without: int | None = None) -> None:
        """All shards side by side, one of them twice at once or left out if told so, and then the media."""
        shards = [shard for shard in range(self.settings.shards) if shard != without]
        shards += [] if twice is None else [twice]
        run_ids = [f"{_name(at)}/capture-{place}" for place in range(len(shards))]
        self._await([self._pool.submit(_capture, at, shard, name) for shard, name in zip(shards, run_ids, strict=True)])
        self._await([self._pool.submit(_archive, at)])
        self.ticks += 1

    def killed(self, at: datetime, kill: Kill) -> bool:
        """Run one shard and the media in a process that dies at a step; False when it ended before that step."""
        ours, theirs = self._mortal.Pipe(duplex=False)
        process = self._mortal.Process(target=_die, args=(self.settings, self.log, at, kill, theirs))
        process.start()
        theirs.close()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            self.kills[ours.recv()] += 1
            return True
        if process.exitcode:
            self.failures[f"a process that was to die ended with {process.exitcode}"] += 1
        return False

    def _await(self, work: list[Future[None]]) -> None:
        """Wait for all; one that fails is counted, and the next tick comes as it would."""
        for done in work:
            if error := done.exception():
                self.failures[f"{type(error).__name__}: {error}"] += 1


def _begin(settings: Settings, log: Path) -> None:
    global _conn, _settings
    logging.basicConfig(filename=log, level=logging.INFO, format="%(levelname)s %(name)s %(message)s", force=True)
    _settings = settings
    _conn = connect(settings.warehouse, "storykeep_ingest")
    _conn.autocommit = True
    # The server does not crash here, and waiting for the disk thousands of times would be most of the time.
    _conn.execute("set synchronous_commit to off")


def _capture(at: datetime, shard: int, run_id: str) -> None:
    shards = _settings.shards
    capture(_conn, _settings, _clients(), fixed_clock(at), run_id, shard=shard, shards=shards)


def _archive(at: datetime) -> None:
    archive_media(_conn, _settings, _clients(), fixed_clock(at), f"{_name(at)}/media")


def _clients() -> dict[Flavour, GraphClient]:
    """New ones for each tick, as each task of the DAG has them."""
    return {
        flavour: GraphClient(_settings.graph(flavour), sleep=lambda seconds: time.sleep(seconds / HASTE))
        for flavour in FLAVOURS
    }


def _name(at: datetime) -> str:
    return f"tick-{at:%Y-%m-%dT%H:%M:%SZ}"


def _die(settings: Settings, log: Path, at: datetime, kill: Kill, told: Connection) -> None:
    """A shard and the media, up to the step at which the process kills itself.

    Steps lie before and after each request that is sent and each transaction that is committed.
    """
    _begin(settings, log)
    steps = count()

    def passing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **options: Any) -> Any:
            here(f"before a {name}")
            result = function(*args, **options)
            here(f"after a {name}")
            return result

        return stepped

    def here(step: str) -> None:
        if next(steps) == kill.step:
            told.send(step)
            os.kill(os.getpid(), signal.SIGKILL)

    requests.Session.send = passing("request", requests.Session.send)  # type: ignore[method-assign]
    psycopg.Transaction.__exit__ = passing("commit", psycopg.Transaction.__exit__)  # type: ignore[method-assign]
    _capture(at, kill.shard, f"{_name(at)}/capture-{kill.shard}")
    _archive(at)
