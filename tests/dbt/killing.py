"""A build in a process of its own, killed (-9) at a chosen moment or left to end."""

import multiprocessing
import os
import signal
from datetime import datetime
from typing import Any, Literal

from storykeep.quality import checkpoint
from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.transform.build import build_marts

Moment = Literal["never", "dbt", "release checkpoint"]
HALFWAY = "fct_stories"

# Not forked from here: this process may have threads and open connections.
context = multiprocessing.get_context("spawn")


def building(settings: Settings, as_of: datetime, killed_in: Moment = "never") -> Any:
    """Begin a build; returns its process."""
    process = context.Process(target=_build, args=(settings, as_of, killed_in))
    process.start()
    return process


def _build(settings: Settings, as_of: datetime, killed_in: Moment) -> None:
    tell, run = dbt._tell, checkpoint.run

    def telling(event: Any) -> None:
        tell(event)
        if event.info.name == "NodeFinished" and event.data.node_info.node_name == HALFWAY:
            _die()

    def running(*args: Any) -> int:
        met = run(*args)
        if args[1] == "release":
            _die()
        return met

    if killed_in == "dbt":
        dbt._tell = telling
    if killed_in == "release checkpoint":
        from storykeep.quality import release

        release.run = running
    build_marts(settings, as_of)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
