"""What the people of the demo do by hand: for a creator who has not connected, they capture stories and type numbers.

Everything goes through the commands that a data team uses; the stories are those of the sandbox's truth.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from storykeep.campaigns.switches import switch
from storykeep.clock import parse_time
from storykeep.sandbox.world.media_bytes import jpeg

# Every story of its participants counts, those of the one who has not connected too.
CAMPAIGN = "lumen_ambassadors"
COUNTS = ("views", "reach", "replies", "total_interactions")
# Who captures is not who approves.
AUTHOR, APPROVER = "ida", "bo"

Story = Mapping[str, Any]
# Runs a command of the console script; returns what was not as expected.
Command = Callable[..., list[str]]


@dataclass(frozen=True)
class Handwork:
    """What the marts should make of the captures: how many stories count, and their views."""

    stories: int
    views: int


def switch_tracking(conn: psycopg.Connection, at: datetime) -> None:
    """Turn the campaign's manual tracking on."""
    switch(conn, CAMPAIGN, True, AUTHOR, at, "a creator has not connected yet")


def hand_in(
    folder: Path, truth: Iterable[Story], tracked_from: datetime, now: datetime, command: Command
) -> tuple[Handwork, list[str]]:
    """Hand in captures and numbers, and have the numbers approved; returns what it comes to and what went wrong.

    `truth` is the list `stories` of the sandbox's truth at `now`. Each file has a row that cannot be taken in.
    """
    posted = [story for story in truth if parse_time(story["posted_at"]) <= now]
    captured = [story for story in posted if story["cause"] == "not_tracked"]
    # The API tells no link clicks of accounts of this login.
    typed = next(story for story in posted if story["served"] and story["login_flavour"] == "instagram")
    numbers = [_numbers(story, now, COUNTS) for story in captured] + [_numbers(typed, now, ("link_clicks",))]
    files = folder / "captures.csv", folder / "numbers.csv"
    _write_screenshots(folder / "numbers", (*captured, typed))
    _write(files[0], [*map(_capture, captured), {"account": "nobody", "posted_at": now.isoformat()}])
    _write(files[1], [*numbers, {**numbers[-1], "link_clicks": -1}])
    faults = [
        *command("entries", "load", str(files[0]), "--kind", "story_capture", "--by", AUTHOR, expect=1),
        *command("entries", "load", str(files[1]), "--kind", "story_metrics", "--by", AUTHOR, expect=1),
        *command("entries", "approve", "--file", str(files[1]), "--by", APPROVER, expect=0),
    ]
    counting = [story for story in captured if parse_time(story["posted_at"]) >= tracked_from]
    return Handwork(len(counting), sum(story["views"] for story in counting)), faults


def shortfalls(conn: psycopg.Connection, handwork: Handwork) -> list[str]:
    """What the marts make of it otherwise than they should."""
    found = conn.execute(
        "select count(*), coalesce(sum(views), 0)"
        " from marts.fct_campaign_content join marts.fct_stories using (story_id)"
        " where campaign_id = %s and provenance = 'manual_capture'",
        [CAMPAIGN],
    ).fetchone()
    if found == (handwork.stories, handwork.views):
        return []
    return [f"stories and views that were handed in for {CAMPAIGN}: {found}, not {handwork}"]


def _capture(story: Story) -> dict[str, Any]:
    return {"account": story["username"], "posted_at": story["posted_at"]}


def _numbers(story: Story, now: datetime, counts: Iterable[str]) -> dict[str, Any]:
    read_at = min(parse_time(story["expires_at"]), now)
    return {
        **_capture(story),
        "observed_at": read_at.isoformat(),
        **{count: story[count] for count in counts},
        "evidence": _screenshot(story),
    }


def _screenshot(story: Story) -> str:
    return f"{story['story_id']}.jpg"


def _write_screenshots(folder: Path, stories: Iterable[Story]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for story in stories:
        (folder / _screenshot(story)).write_bytes(jpeg(story["story_id"]))


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    columns = dict.fromkeys(column for row in rows for column in row)
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(rows)
