"""The checkpoints: each expectation is seen failing on a row that breaks it, and passing without."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from tests.dbt.world import AS_OF, at, fill, insert, landed, reading

from storykeep.errors import StorykeepError
from storykeep.quality import watermarks
from storykeep.quality.checkpoint import Batch, never, run
from storykeep.quality.landing import check_landing
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        conn.autocommit = True
        yield conn


def test_an_empty_warehouse_passes_with_a_note(warehouse: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert check_landing(warehouse, AS_OF).rows == 0
    assert "nothing has landed since the last build" in caplog.text


def test_only_rows_after_the_watermark_are_checked(warehouse: Settings, conn: psycopg.Connection) -> None:
    fill(conn)
    secret = {"data": [], "access_token": "t"}
    landed(conn, "story_insights", at(12, 1), story_id="101", metric_group="bad", status="ok", payload=secret)
    (newest,) = conn.execute("select max(landing_id) from raw.story_insights").fetchone() or (0,)
    with connect(warehouse.warehouse, "storykeep_transform") as transform:
        watermarks.move(transform, {"story_insights": newest})
    reading(conn, "101", at(12, 2), views=5)
    found = check_landing(warehouse, AS_OF)
    assert found.watermarks["story_insights"] == newest + 1
    others = "union all".join(f" select from raw.{table} " for table in ("story_listings", "stories", "media_files"))
    (rows,) = conn.execute(f"select count(*) from ({others}) as landed").fetchone() or (0,)  # noqa: S608
    assert (found.rows, found.quarantined) == (1 + rows, 0)
    assert check_landing(warehouse, AS_OF, found.watermarks | {"story_insights": newest}).rows == rows


def test_a_table_that_changed_its_shape_stops_the_build_and_puts_nothing_aside(
    warehouse: Settings, conn: psycopg.Connection
) -> None:
    fill(conn)
    odd = {"story_id": "1", "status": "ok", "payload": {"metrics": []}}
    for number in range(100):
        landed(conn, "story_insights", at(11, 1), metric_group=str(number), **odd)
    with pytest.raises(StorykeepError, match=r"raw.story_insights: most new rows are as agreed: found {'bad': 10\d"):
        check_landing(warehouse, AS_OF)
    assert conn.execute("select from app.quarantine").rowcount == 0


def test_a_warning_is_logged_and_fails_nothing(
    warehouse: Settings, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    insert(conn, "app.creators", creator_id="c", name="C")
    expectation = never("nobody is there", "select creator_id from {batch}", severity="warning")
    conn.execute("grant select on app.creators to storykeep_transform")
    assert (
        run(
            warehouse,
            "trial",
            [Batch("app.creators", "select * from app.creators", [expectation])],
            datetime(2026, 1, 1, tzinfo=UTC),
        )
        == 0
    )
    assert "trial of app.creators: nobody is there: found {'creator_id': 'c'}" in caplog.text


def test_an_expectation_that_cannot_be_checked_fails_with_its_error(warehouse: Settings) -> None:
    expectation = never("it is well", "select nonsense from {batch}")
    with pytest.raises(StorykeepError, match=r"it is well: could not be checked: .*nonsense"):
        run(warehouse, "trial", [Batch("app.creators", "select * from app.creators", [expectation])], AS_OF)


def test_a_work_folder_that_cannot_be_written_is_named(warehouse: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    expectation = never("nobody is there", "select creator_id from {batch}")
    rows = Batch("app.creators", "select * from app.creators", [expectation])
    with pytest.raises(StorykeepError, match=r"file.*STORYKEEP_WORK_DIR"):
        run(replace(warehouse, work_dir=tmp_path / "file" / "work"), "trial", [rows], AS_OF)
    work = tmp_path / "work"
    work.mkdir()
    (work / "data_docs").write_text("no folder")
    with pytest.raises(StorykeepError, match=r"data_docs.*STORYKEEP_WORK_DIR"):
        run(replace(warehouse, work_dir=work), "trial", [rows], AS_OF)
