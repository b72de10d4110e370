"""Builds that are killed (-9) half-way, and two that begin at the same moment, end with the marts of one quiet build.

The server of the disturbed ones has a time zone with a summer time, and none of the marts cares.
"""

import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from psycopg import sql
from tests.dbt.killing import building
from tests.dbt.world import AS_OF, fill
from tests.marts import MARTS

from storykeep.settings import Settings
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


def test_builds_that_are_killed_or_run_at_once_end_with_the_marts_of_one_quiet_build(
    new_warehouse: Callable[[], Settings], built: Settings
) -> None:
    settings = new_warehouse()
    with connect(settings.warehouse_admin) as admin:
        name = sql.Identifier(settings.warehouse.database)
        admin.execute(sql.SQL("alter database {} set timezone = 'America/New_York'").format(name))
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)

    killed = building(settings, AS_OF - timedelta(hours=2), "dbt")
    killed.join(SECONDS)
    assert killed.exitcode == -signal.SIGKILL
    assert published(settings) == {}

    killed = building(settings, AS_OF - timedelta(hours=1), "release checkpoint")
    killed.join(SECONDS)
    assert killed.exitcode == -signal.SIGKILL
    assert published(settings) == {}

    both = [building(settings, AS_OF) for _ in range(2)]
    for process in both:
        process.join(SECONDS)
    assert [process.exitcode for process in both] == [0, 0]
    assert [status for _, status in runs(settings)] == ["running", "running", "ok"]
    marts = published(settings)
    assert marts.keys() == MARTS
    assert marts == published(built)
