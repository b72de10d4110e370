"""The weekly rebuild: equal marts pass whatever goes on meanwhile, and what differs is named."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.dbt.world import AS_OF, at, fill, landed, reading
from tests.marts import MARTS

from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.maintenance.maintain import maintain, prove_marts, rebuild_is_due
from storykeep.quality import watermarks
from storykeep.settings import Settings
from storykeep.transform import dbt, publish
from storykeep.transform.build import build_marts
from storykeep.transform.rebuild import SCHEMAS
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

LATER = AS_OF + timedelta(minutes=5)


@pytest.fixture(scope="module")
def standing(new_warehouse: Callable[[], Settings]) -> Settings:
    """The small world, built and published, with a reading of since."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
    build_marts(settings, AS_OF)
    with connect(settings.warehouse, "storykeep_owner") as conn:
        reading(conn, "105", at(12, 12, 1), views=41, reach=31)
    return settings


@pytest.fixture
def conn(standing: Settings) -> Iterator[psycopg.Connection]:
    with connect(standing.warehouse, "storykeep_owner") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Has something happen between the build and the rebuild."""

    def during(happen: Callable[[], Any]) -> None:
        rebuild = dbt.rebuild

        def happened_before(*arguments: Any) -> dict[str, int]:
            happen()
            return rebuild(*arguments)

        monkeypatch.setattr(dbt, "rebuild", happened_before)

    return during


def left_over(conn: psycopg.Connection) -> list[str]:
    query = "select relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname = any(%s)"
    return [name for (name,) in conn.execute(query, [list(SCHEMAS)])]


def test_the_daily_round_proves_the_marts_once_a_week_and_capture_goes_on_meanwhile(
    standing: Settings, conn: psycopg.Connection, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    waiting: list[threading.Thread] = []

    def happen() -> None:
        # Captured before the moment of both builds and landed between them; a handle that changes; a publication.
        reading(conn, "105", at(12, 12, 2), views=42, reach=32)
        node = {"id": "107", "timestamp": "2026-11-12T12:01:00+0000"}
        landed(conn, "stories", at(12, 12, 2), story_id="107", payload=node)
        conn.execute("update app.accounts set username = 'renamed' where account_id = 'acc-a'")
        waiting.append(threading.Thread(target=publish.publish, args=[standing, LATER, {}]))
        waiting[0].start()
        waiting[0].join(timeout=0.5)
        assert waiting[0].is_alive()

    meanwhile(happen)
    first = LATER - timedelta(days=7)
    assert not rebuild_is_due(standing, first)
    assert "marts compared" not in maintain(standing, fixed_clock(first), "first round")
    assert not rebuild_is_due(standing, first + timedelta(days=6))
    assert rebuild_is_due(standing, LATER)
    done = maintain(standing, fixed_clock(LATER), "round")
    assert done["marts compared"] == len(MARTS)
    assert done["mart rows compared"] > 30
    assert left_over(conn) == []
    conn.execute("set role storykeep_transform")
    assert conn.execute("select distinct username from marts.fct_stories where account_id = 'acc-a'").fetchall() == [
        ("renamed",)
    ]
    waiting[0].join(timeout=10)
    assert not waiting[0].is_alive()

    written = conn.execute("select run_id, status from app.runs where run_id like 'round/%' order by 1").fetchall()
    parts = ("data-docs", "deletions", "rebuild", "retention")
    assert written == [(f"round/{part}", "ok") for part in parts]
    assert not rebuild_is_due(standing, LATER + timedelta(days=6))
    assert rebuild_is_due(standing, LATER + timedelta(days=7))
    late = conn.execute("select views from marts.fct_story_readings where captured_at = %s", [at(12, 12, 2)])
    assert late.fetchall() == []
    # What is not in the marts was not taken in: a purge goes by that.
    taken_in = watermarks.read(conn)
    for table in ("stories", "story_insights"):
        (newest,) = conn.execute(f"select max(landing_id) from raw.{table}").fetchone() or (0,)  # noqa: S608
        assert taken_in[table] == newest - 1


def test_what_the_marts_have_and_raw_has_not_is_named_and_stays(standing: Settings, conn: psycopg.Connection) -> None:
    conn.execute("set role storykeep_transform")
    # As a build would leave them that got something wrong: the next one goes on from there.
    conn.execute(
        "update intermediate.int_stories__finalised set permalink = 'elsewhere' where story_id in ('101', '102')"
    )
    conn.execute("delete from build.fct_story_readings where story_id = '102'")
    conn.execute(
        "insert into build.fct_story_readings (story_id, captured_at, age_minutes, is_withheld, link_clicks_withheld)"
        " select '101', moment, 1, false, false from generate_series(timestamptz '2026-11-11 00:00',"
        " '2026-11-11 05:00', '1 hour') as moment"
    )
    # And what a rebuild left that was killed.
    conn.execute("create table build_check.fct_stories (other text)")
    conn.execute("create view staging_check.of_it as select * from build_check.fct_stories")
    with pytest.raises(StorykeepError) as raised:
        prove_marts(standing, fixed_clock(LATER), "differs")
    assert raised.value.what == (
        "fct_stories: 2 rows differ (such as 101, 102);"
        " fct_story_readings: 1 rows are missing (such as 102 2026-11-11 05:00:00+00);"
        " 6 rows are there in vain (such as 101 2026-11-11 00:00:00+00, 101 2026-11-11 01:00:00+00,"
        " 101 2026-11-11 02:00:00+00, 101 2026-11-11 03:00:00+00, 101 2026-11-11 04:00:00+00)"
    )
    assert "as of 2026-11-12 12:05:00" in raised.value.where
    assert left_over(conn) == []
    kept = conn.execute("select permalink from marts.fct_stories where story_id = '102'").fetchall()
    assert kept == [("elsewhere",)]
    assert conn.execute("select status from app.runs where run_id = 'differs/rebuild'").fetchall() == [("failed",)]


def test_as_long_as_the_marts_differ_nothing_is_dropped(standing: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def differ(*_: Any) -> dict[str, int]:
        raise StorykeepError("fct_stories: 1 rows differ")

    monkeypatch.setattr("storykeep.maintenance.maintain.check_rebuild", differ)
    monkeypatch.setattr("storykeep.maintenance.maintain.apply_retention", lambda *_: pytest.fail("it went on"))
    with pytest.raises(StorykeepError, match="1 rows differ"):
        maintain(standing, fixed_clock(LATER), "differs", rebuild=True)
