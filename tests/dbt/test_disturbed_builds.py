"""Builds that are killed (-9) half-way while others wait for their turn: the last one makes the marts of a quiet one.

The server of the disturbed ones has a time zone with a summer time, and none of the marts cares.
"""

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from psycopg import sql
from tests.dbt.content import fill_content
from tests.dbt.killing import building
from tests.dbt.world import AS_OF, fill, landed
from tests.marts import MARTS

from storykeep.quality.release import check_release
from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.transform.turn import LOCK
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

SECONDS = 300


def published(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        names = [name for (name,) in conn.execute("select tablename from pg_tables where schemaname = 'marts'")]
        return {
            name: conn.execute(f"select * from marts.{name} as t order by t::text").fetchall()  # noqa: S608 (a catalogue's name)
            for name in names
        }


def runs(settings: Settings) -> list[tuple[str, str]]:
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        return conn.execute("select run_id, status from app.runs order by clock_at").fetchall()


def asking(settings: Settings) -> int:
    """How many builds have the turn or wait for it."""
    with connect(settings.warehouse) as conn:
        query = """
            select count(*) from pg_locks
            where locktype = 'advisory' and objid = %s
                and database = (select oid from pg_database where datname = current_database())
        """
        (count,) = conn.execute(query, [LOCK]).fetchone() or (0,)
    return int(count)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.1)


def test_builds_that_are_killed_while_others_wait_end_with_the_marts_of_one_quiet_build(
    new_warehouse: Callable[[], Settings], built: Settings
) -> None:
    settings = new_warehouse()
    with connect(settings.warehouse_admin) as admin:
        name = sql.Identifier(settings.warehouse.database)
        admin.execute(sql.SQL("alter database {} set timezone = 'America/New_York'").format(name))
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        fill_content(conn)

    first = building(settings, AS_OF - timedelta(hours=2), "dbt")
    wait_until(lambda: asking(settings) == 1)
    second = building(settings, AS_OF - timedelta(hours=1), "release checkpoint")
    wait_until(lambda: asking(settings) == 1 + first.is_alive())
    third = building(settings, AS_OF)
    for process in (first, second, third):
        process.join(SECONDS)
    assert [process.exitcode for process in (first, second, third)] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert [status for _, status in runs(settings)] == ["running", "running", "ok"]
    marts = published(settings)
    assert marts.keys() == MARTS
    assert marts == published(built)


def test_what_lands_while_a_build_is_under_way_is_left_to_the_next_one(new_warehouse: Callable[[], Settings]) -> None:
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
    dbt.build(settings, AS_OF)
    with connect(settings.warehouse, "storykeep_owner") as conn:
        # Captured before the moment of the build, as what has waited in the spool.
        node = {"id": "107", "timestamp": "2026-11-12T06:00:00+0000"}
        landed(conn, "stories", AS_OF - timedelta(hours=1), story_id="107", payload=node)
    selected = ["test", "--select", "assert_every_listed_story_reaches_the_marts"]
    assert dbt._run(settings, AS_OF, selected) == {"pass": 1}
    assert check_release(settings, AS_OF) > 0
    dbt.build(settings, AS_OF)
    check_release(settings, AS_OF)
    with connect(settings.warehouse, "storykeep_transform") as conn:
        assert conn.execute("select finality from build.fct_stories where story_id = '107'").fetchall() == [("live",)]
