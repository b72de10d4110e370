"""A build that fails, at whatever step, leaves what BI reads as it was."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.dbt.test_access import MARTS
from tests.dbt.world import AS_OF, at, landed

from storykeep.errors import StorykeepError
from storykeep.quality import watermarks
from storykeep.quality.landing import TABLES
from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.transform.build import build_marts
from storykeep.transform.publish import publish
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

Marts = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def broken(built: Settings) -> Iterator[psycopg.Connection]:
    """A connection that may break the built marts; the next build makes them anew."""
    with connect(built.warehouse, "storykeep_transform") as conn:
        conn.autocommit = True
        yield conn
        conn.execute("delete from intermediate.last_build")


def read_marts(bi: psycopg.Connection) -> Marts:
    """Every mart as BI sees it, with the place of each row, which changes when a row is written again."""
    return {mart: bi.execute(f"select ctid, * from marts.{mart} order by ctid").fetchall() for mart in MARTS}  # noqa: S608


def test_the_same_build_twice_changes_no_mart_however_old_its_sources(
    built: Settings, bi: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = read_marts(bi)
    measure = dbt.freshness
    monkeypatch.setattr(dbt, "freshness", lambda settings, as_of: measure(settings, as_of + timedelta(days=30)))
    assert build_marts(built, AS_OF)["mart rows changed"] == 0
    assert read_marts(bi) == before
    assert "story_listings" in caplog.text


def test_a_work_folder_that_dbt_cannot_write_is_named(built: Settings, tmp_path: Path) -> None:
    (tmp_path / "dbt").write_text("no folder")
    with pytest.raises(StorykeepError, match=r"dbt.*STORYKEEP_WORK_DIR"):
        dbt.freshness(replace(built, work_dir=tmp_path), AS_OF)


def test_a_failed_dbt_test_publishes_nothing_and_is_named(built: Settings, bi: psycopg.Connection) -> None:
    before = read_marts(bi)
    with connect(built.warehouse, "storykeep_transform") as conn:
        checked = watermarks.read(conn)
    with connect(built.warehouse, "storykeep_owner") as conn:
        # A story of an account that nobody knows, hidden from the landing checkpoint behind its watermark.
        node = {"id": "666", "timestamp": "2026-11-11T00:00:00+0000"}
        landed(conn, "stories", at(11, 1), story_id="666", account_id="nobody", payload=node)
        newest = conn.execute("select max(landing_id) from raw.stories").fetchone()
    assert newest is not None
    with connect(built.warehouse, "storykeep_transform") as conn:
        watermarks.move(conn, {"stories": newest[0]})
    try:
        with pytest.raises(StorykeepError, match="assert_every_listed_story_reaches_the_marts: Got 1 result"):
            build_marts(built, AS_OF)
        # As when the last task of an older run is cleared.
        with pytest.raises(StorykeepError, match="the tables in schema build are not checked"):
            publish(built, AS_OF, {})
        assert read_marts(bi) == before
    finally:
        with connect(built.warehouse, "storykeep_owner") as conn:
            conn.execute("delete from raw.stories where story_id = '666'")
            # Rows that go leave no landing id behind: only a build that starts anew forgets them.
            conn.execute("set role storykeep_transform")
            conn.execute("delete from intermediate.last_build")
    assert checked.keys() == set(TABLES)


def test_a_failed_release_checkpoint_publishes_nothing(
    built: Settings, broken: psycopg.Connection, bi: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_marts(bi)

    def build_badly(settings: Settings, as_of: object, landed_until: object) -> dict[str, int]:
        broken.execute("update build.fct_campaign_performance set stories = 9")
        return {}

    monkeypatch.setattr(dbt, "build", build_badly)
    with pytest.raises(StorykeepError, match="a campaign's stories are those of its content"):
        build_marts(built, AS_OF)
    with pytest.raises(StorykeepError, match="the tables in schema build are not checked"):
        publish(built, AS_OF, {})
    assert read_marts(bi) == before
