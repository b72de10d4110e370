"""Accounts that post daily and have gone silent, although somebody listened."""

from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from storykeep.report.figures import duration
from storykeep.report.screen import say

MOST = 5


@dataclass(frozen=True)
class Silence:
    """An account's silence, and its usual gap between two runs of stories."""

    username: str
    silent_for: timedelta
    usual_gap: timedelta


def silences(conn: psycopg.Connection) -> tuple[Silence, ...]:
    """The alarming ones, the longest first."""
    with conn.cursor(row_factory=class_row(Silence)) as cursor:
        return tuple(
            cursor.execute(
                """
                select
                    username,
                    hours_silent * interval '1 hour' as silent_for,
                    usual_gap_hours * interval '1 hour' as usual_gap
                from fct_account_silences
                where is_alarm
                order by hours_silent desc, username
                """
            )
        )


def show_silences(console: Console, found: tuple[Silence, ...]) -> None:
    """Print them in one line, and nothing when there are none."""
    if not found:
        return
    told = ", ".join(
        f"@{one.username} for {duration(one.silent_for)} (usually {duration(one.usual_gap)})" for one in found[:MOST]
    )
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    say(console, f"Silent although daily: {told}{more}. Look whether all is well with them.", style="bold")
    console.print()
