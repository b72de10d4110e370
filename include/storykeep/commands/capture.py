"""`storykeep tick`, `replay` and `sync-content`: what the DAGs of capture run, outside the schedule."""

import logging
from datetime import datetime
from typing import Annotated

import typer
from rich.progress import Progress

from storykeep.commands.options import At, clock_of, duration, time_of
from storykeep.commands.screen import console
from storykeep.errors import StorykeepError
from storykeep.settings import Settings
from storykeep.warehouse import connect

capture = typer.Typer()


@capture.command()
def tick(at: At = None) -> None:
    """Capture what is due now, or at another time: exactly what one run of capture_stories does."""
    from storykeep.capture.engine import raise_trouble, summary
    from storykeep.capture.replay import tick_now
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    logging.getLogger("storykeep").setLevel(logging.WARNING)  # the summary is printed below
    run = tick_now(settings, open_clients(settings), clock_of(at))
    console.print(summary(run), markup=False, soft_wrap=True)
    raise_trouble(run.causes)


@capture.command()
def replay(
    start: Annotated[datetime, typer.Option("--from", parser=time_of, metavar="TIME")],
    end: Annotated[datetime, typer.Option("--to", parser=time_of, metavar="TIME")],
    clock_url: Annotated[str, typer.Option("--clock", help="Before each tick, POST {now: TIME} to this URL.")],
    every: Annotated[str, typer.Option(help="Time between ticks, such as 5m or 30s.")] = "5m",
) -> None:
    """Run the ticks of a stretch of time against a sandbox whose clock is moved along."""
    from storykeep.capture.replay import replay as run_replay
    from storykeep.graph.client import open_clients
    from storykeep.local.virtual_clock import VirtualClock

    settings, tick_length = Settings.from_env(), duration(every)
    if start > end:
        raise StorykeepError("begins after it ends", where="--from and --to", remedy="exchange them")
    # A line of log for each of thousands of ticks would hide the progress.
    logging.getLogger("storykeep").setLevel(logging.WARNING)
    with connect(settings.warehouse, "storykeep_ingest") as conn, Progress(console=console) as progress:
        conn.autocommit = True
        task = progress.add_task("replay", total=(end - start).total_seconds())
        ticks = run_replay(
            conn,
            settings,
            open_clients(settings),
            start=start,
            end=end,
            every=tick_length,
            set_clock=VirtualClock(clock_url).set,
            on_tick=lambda now, _: progress.update(
                task, completed=(now - start).total_seconds(), description=f"{now:%Y-%m-%d %H:%M}"
            ),
        )
    console.print(f"{ticks} ticks, the idle ones not counted")


@capture.command()
def sync_content(at: At = None) -> None:
    """Read what is due of posts, profiles, account insights and audiences: what one run of sync_content does."""
    from storykeep.capture.engine import raise_trouble, summary
    from storykeep.content.engine import sync_now
    from storykeep.graph.client import open_clients

    settings, clock = Settings.from_env(), clock_of(at)
    logging.getLogger("storykeep").setLevel(logging.WARNING)  # the summary is printed below
    run = sync_now(settings, open_clients(settings), clock, f"content-{clock():%Y-%m-%dT%H:%M:%SZ}")
    console.print(summary(run), markup=False, soft_wrap=True)
    raise_trouble(run.causes)
