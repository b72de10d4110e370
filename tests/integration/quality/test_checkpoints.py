"""The checkpoints: each expectation is seen failing on a row that breaks it, and passing without."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.dbt.entries_world import entry
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
    with pytest.raises(StorykeepError, match="no secret of Meta's is kept"):
        check_landing(warehouse, AS_OF)
    with connect(warehouse.warehouse, "storykeep_transform") as transform:
        newest = transform.execute("select max(landing_id) from raw.story_insights").fetchone()
        assert newest is not None
        watermarks.move(transform, {"story_insights": newest[0]})
    reading(conn, "101", at(12, 2), views=5)
    found = check_landing(warehouse, AS_OF)
    assert found.watermarks["story_insights"] == newest[0] + 1
    rows = conn.execute("select count(*) from raw.story_listings").fetchone()
    files = conn.execute(
        "select (select count(*) from raw.stories) + (select count(*) from raw.media_files)"
    ).fetchone()
    assert rows is not None and files is not None
    assert found.rows == 1 + rows[0] + files[0]


def test_every_landing_expectation_can_fail(
    warehouse: Settings, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    fill(conn)
    stranger = {"account_id": "nobody"}
    insights: dict[str, Any] = {"story_id": "1", "status": "ok"}
    landed(conn, "story_listings", at(11, 1, 1), status="ok", payload={}, **stranger)
    landed(conn, "story_listings", at(11, 1, 2), status="failed", cause="bad_luck")
    landed(conn, "story_listings", at(11, 1, 3), status="ok", payload=None)
    landed(conn, "stories", at(11, 1), story_id="x1", payload={"id": "2", "timestamp": "soon", "access_token": "t"})
    landed(conn, "story_insights", at(11, 1), metric_group="a", payload={"data": [{"value": 1}]}, **insights)
    landed(
        conn,
        "story_insights",
        at(11, 1),
        metric_group="b",
        payload={"data": [{"name": "views", "values": [{"value": -1}]}]},
        **insights,
    )
    landed(conn, "story_insights", at(11, 1), metric_group="c", payload={"data": [], "access_token": "t"}, **insights)
    landed(
        conn, "media_files", at(11, 1), story_id="1", kind="media", status="archived", path="p", content_hash="short"
    )
    entry(conn, "e1", "story_capture", at(11, 1), caption="whenever")
    entry(conn, "e2", "story_metrics", at(11, 1), observed_at="yesterday", **stranger)
    with pytest.raises(StorykeepError) as failure:
        check_landing(warehouse, AS_OF)
    for claim in (
        "landing of raw.manual_entries: every row belongs to a known account: found {'account_id': 'nobody'}",
        "a story that was entered says whose it is and when it was posted: found {'entry_id': 'e1'",
        "the moments of an entry are moments: found {'entry_id': 'e2'",
        "landing of raw.story_listings: every row belongs to a known account: found {'account_id': 'nobody'}",
        "a failed listing says why, in a known word: found {'account_id': 'acc-a'",
        "a good listing names its stories: found {'account_id': 'acc-a'",
        "landing of raw.stories: story_id column_values_to_match_regex: found x1",
        "a story node says which story it is: found {'story_id': 'x1', 'told': '2'}",
        "a story node says when it was posted: found {'story_id': 'x1', 'told': 'soon'}",
        "landing of raw.stories: no secret of Meta's is kept: found {'story_id': 'x1'}",
        "landing of raw.story_insights: no secret of Meta's is kept: found {'story_id': '1'}",
        "an archived file has bytes and the name of its hash: found {'story_id': '1'",
    ):
        assert claim in str(failure.value)
    for oddity in (
        "a good reply is a list of metrics with names: found {'story_id': '",
        "a count is a whole number, not negative: found {'story_id': '",
    ):
        assert oddity in caplog.text
        assert oddity not in str(failure.value)


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
