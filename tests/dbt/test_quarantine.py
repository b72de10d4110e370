"""What is in quarantine is in no mart; whenever it goes there or comes back, the marts are those of a build anew."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from tests.dbt.test_incremental import marts
from tests.dbt.world import AS_OF, at, fill, landed, reading

from storykeep.quality import quarantine
from storykeep.quality.rules import Rule
from storykeep.settings import Settings
from storykeep.transform import dbt, last_build
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NODE = {"id": "301", "timestamp": "2026-11-11T20:00:00+0000", "media_type": "IMAGE", "caption": "#glow"}
ALL = (0, 2**62)


@pytest.fixture(scope="module")
def settings(new_warehouse: Callable[[], Settings]) -> Settings:
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
    return settings


@pytest.fixture
def conn(settings: Settings) -> Iterator[psycopg.Connection]:
    with connect(settings.warehouse, "storykeep_owner") as connection:
        connection.autocommit = True
        yield connection


def of_a_build_anew(settings: Settings) -> object:
    last_build.forget(settings)
    dbt.build(settings, AS_OF)
    return marts(settings)


def let_in(settings: Settings, conn: psycopg.Connection, table: str) -> None:
    ((landing_id,),) = conn.execute(
        "select max(landing_id) from app.quarantine where table_name = %s and released_at is null", [table]
    ).fetchall()
    with connect(settings.warehouse, "storykeep_ingest") as ingest:
        quarantine.release(ingest, table, landing_id, "ann", AS_OF)


def test_a_poisoned_row_costs_itself_and_no_build_and_comes_back_when_it_is_let_in(
    settings: Settings, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    build_marts(settings, AS_OF - timedelta(minutes=10))
    before = marts(settings)
    assert before["fct_stories"]
    # What would fail the cast of staging; a type that nobody knows; a count that is none; a good one beside them.
    landed(conn, "stories", at(12, 1), story_id="302", payload=NODE | {"id": "302", "timestamp": "soon"})
    landed(conn, "stories", at(11, 20), story_id="301", payload=NODE | {"media_type": "HOLOGRAM"})
    landed(conn, "story_listings", at(12, 7, 1), status="failed", cause="bad_luck")
    reading(conn, "101", at(11, 7, 59), views=-3, reach=705)
    reading(conn, "105", at(12, 11, 55), views=44, reach=33)
    assert build_marts(settings, AS_OF)["rows quarantined"] == 4
    assert caplog.text.count("full refresh") == 1
    held = marts(settings)
    with connect(settings.warehouse, "storykeep_transform") as transform:
        seen = transform.execute("select story_id, views, reach from build.fct_stories order by 1").fetchall()
    assert ("105", 44, 33) in seen
    assert ("101", 1000, 700) in seen
    assert {story for story, _, _ in seen}.isdisjoint({"301", "302"})
    assert of_a_build_anew(settings) == held

    # Released, each is taken as it is: an unknown type is shown, and in a bad reply the good counts are counted.
    let_in(settings, conn, "stories")
    let_in(settings, conn, "story_insights")
    caplog.clear()
    build_marts(settings, AS_OF)
    assert "full refresh" not in caplog.text
    back = marts(settings)
    with connect(settings.warehouse, "storykeep_transform") as transform:
        shown = transform.execute("select media_type from build.fct_stories where story_id = '301'").fetchall()
        counted = transform.execute("select views, reach from build.fct_stories where story_id = '101'").fetchall()
    assert (shown, counted) == ([("HOLOGRAM",)], [(1000, 705)])
    assert of_a_build_anew(settings) == back


def test_a_row_that_is_quarantined_after_it_was_built_leaves_the_marts(
    settings: Settings, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of before the release, what was let in is not known yet, and has still to be found.
    later = AS_OF + timedelta(days=1)
    conn.execute("update app.quarantine set released_at = %s where released_at is not null", [later])
    of_a_build_anew(settings)
    conn.execute("set role storykeep_transform")
    assert conn.execute("select releases from intermediate.last_build").fetchall() == [(0,)]
    assert captions(conn).keys() >= {"102", "104"}
    assert "301" not in captions(conn)

    doubted = Rule("it is none of these", "story_id = '104' or story_id = '102' and payload ->> 'caption' is not null")
    monkeypatch.setitem(quarantine.RULES, "stories", [doubted])
    with connect(settings.warehouse, "storykeep_transform") as transform:
        assert quarantine.put_aside(transform, {"stories": ALL}, AS_OF) == 3
    dbt.build(settings, AS_OF)
    left = captions(conn)
    assert "104" not in left
    assert left["102"] is None


def captions(conn: psycopg.Connection) -> dict[str, str | None]:
    return dict(conn.execute("select story_id, caption from build.fct_stories").fetchall())
