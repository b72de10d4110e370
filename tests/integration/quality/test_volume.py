"""What is odd about new rows as a whole: said with the accounts' names, and no build is stopped for it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.dbt.world import AS_OF, at, fill, insert, landed, reading

from storykeep.quality import landed as landed_ids
from storykeep.quality import landing, watermarks
from storykeep.quality.checkpoint import claim
from storykeep.quality.landing import check_landing
from storykeep.quality.rules import RULES
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

BEFORE, FIRST = (at(11, 1, minute) + timedelta(seconds=3) for minute in (0, 1))
DRIFT = "the API says nothing that is not known"
SEEN_HERE = {
    "story_listings": {"every account is listed about as often as usual"},
    "stories": {DRIFT},
    "story_insights": {"a reading of every account has about as many replies as usual", DRIFT},
    "media": {DRIFT},
    "media_insights": {DRIFT},
    "account_insights": {DRIFT},
    "audience": {DRIFT},
}


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """The small world, all of which is published already but for what a test lands."""
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        conn.autocommit = True
        fill(conn)
        yield conn


def publish_all(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_transform") as transform:
        watermarks.move(transform, landed_ids.newest(transform))


def list_often(conn: psycopg.Connection, account_id: str, times: int, every: timedelta, since: datetime) -> None:
    for number in range(times):
        landed(
            conn,
            "story_listings",
            since + number * every,
            account_id=account_id,
            status="ok",
            payload={},
            run_id="odd",
        )


def test_every_expectation_of_the_landing_checkpoint_is_seen_to_fail() -> None:
    """Those of single rows in test_quarantine.py, the others here, and of each table that its shape changes."""
    for table, rules in RULES.items():
        claims = {claim(one.configuration) for one in landing.expectations(table, AS_OF)}
        by_row = {rule.claim for rule in rules}
        assert claims - by_row == SEEN_HERE.get(table, set()) | {"most new rows are as agreed"}


def test_an_account_that_is_listed_more_or_less_often_than_usual_is_named(
    warehouse: Settings, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    publish_all(warehouse)
    # Usual are four an hour: a loop lists one again and again, the other is hardly listed in ten hours.
    list_often(conn, "acc-a", 40, timedelta(minutes=1), FIRST)
    list_often(conn, "acc-b", 2, timedelta(hours=10), FIRST)
    check_landing(warehouse, AS_OF)
    assert "handle_b', 'listings': 2, 'usually': Decimal('40')" in caplog.text
    assert "handle_a" not in caplog.text
    caplog.clear()
    publish_all(warehouse)
    list_often(conn, "acc-a", 18, timedelta(seconds=7), BEFORE)
    list_often(conn, "acc-b", 5, timedelta(seconds=7), BEFORE)
    check_landing(warehouse, AS_OF)
    assert "handle_a', 'listings': 18, 'usually': Decimal('4')" in caplog.text
    assert "handle_b" not in caplog.text


def test_an_account_whose_readings_have_fewer_replies_than_usual_is_named(
    warehouse: Settings, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    for account in ("acc-a", "acc-b"):
        for minute in range(10):
            for group in ("core", "navigation", "link_clicks"):
                reply = {"story_id": f"30{account[-1]}", "metric_group": group, "status": "ok", "payload": {"data": []}}
                landed(conn, "story_insights", at(11, 2, minute), account_id=account, **reply)
    publish_all(warehouse)
    for minute in range(3):
        reading(conn, "301", at(11, 12, minute), views=minute)
        for group in ("core", "navigation"):
            reply = {"story_id": "302", "metric_group": group, "status": "ok", "payload": {"data": []}}
            landed(conn, "story_insights", at(11, 12, minute), account_id="acc-b", **reply)
    check_landing(warehouse, AS_OF)
    assert "'username': 'handle_a', 'replies': Decimal('1.0'), 'usually': Decimal('" in caplog.text
    assert "handle_b" not in caplog.text


def test_a_field_that_nobody_knows_stands_beside_the_rows_that_brought_it(
    warehouse: Settings, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    publish_all(warehouse)
    node = {"id": "301", "timestamp": "2026-11-11T00:00:00+0000", "media_type": "IMAGE", "mood": "blue"}
    reply = {"status": "ok", "metric_group": "core", "payload": {"data": []}}
    rows: dict[str, dict[str, Any]] = {
        "stories": {"story_id": "301", "payload": node},
        "story_insights": {"story_id": "301", **reply},
        "media": {"media_id": "301", "payload": node},
        "media_insights": {"media_id": "301", **reply},
        "account_insights": {"since": at(10, 8), "until": at(11, 8), **reply},
        "audience": {"metric": "m", "dimension": "age", "status": "ok", "payload": {"data": []}},
    }
    for table, values in rows.items():
        sign = {"stories": "stories: field", "media": "posts: field"}.get(table, "insights: metric")
        for run_id in (table, "old"):
            notice = {"what": f"{sign} {run_id} {table}", "first_seen_at": AS_OF, "account_id": "acc-a"}
            insert(conn, "app.schema_notices", run_id=run_id, **notice)
        landed(conn, table, at(11, 1), run_id=table, **values)
    assert check_landing(warehouse, AS_OF).quarantined == 0
    for table in rows:
        (told,) = (line for line in caplog.messages if line.startswith(f"landing of raw.{table}: "))
        assert told.startswith(f"landing of raw.{table}: {DRIFT}: found {{'what': '")
        assert told.endswith(f" {table} {table}'}}")
