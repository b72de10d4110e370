from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from storykeep.errors import StorykeepError
from storykeep.report.status import BlockedPool, Status, gather_status
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TICK = timedelta(minutes=5)


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_ingest") as conn:
        yield conn


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def add_run(
    conn: psycopg.Connection,
    kind: str,
    age: float,
    status: str,
    causes: dict[str, list[str]] | None = None,
    run_id: str = "",
) -> None:
    at = NOW - minutes(age)
    finished = None if status == "running" else at
    conn.execute(
        """
        insert into app.runs (run_id, kind, clock_at, started_at, finished_at, status, causes)
        values (%s, %s, %s, %s, %s, %s, %s)
        """,
        [run_id or f"{kind}-{age}", kind, at, at, finished, status, Jsonb(causes or {})],
    )


def add_account(conn: psycopg.Connection, username: str, number: int, status: str = "", reason: str = "") -> None:
    account_id = f"a{number}"
    conn.execute("insert into app.creators values (%s, %s)", [username, username])
    conn.execute(
        "insert into app.accounts values (%s, %s, %s, %s, %s)", [account_id, username, str(number), username, NOW]
    )
    if status:
        conn.execute(
            """
            insert into app.connections (account_id, login_flavour, status, reason, status_since, connected_at)
            values (%s, 'facebook', %s, nullif(%s, ''), %s, %s)
            """,
            [account_id, status, reason, NOW, NOW],
        )


def add_story(conn: psycopg.Connection, story_id: str, minutes_left: float, refused: bool = False) -> None:
    expires = NOW + minutes(minutes_left)
    conn.execute(
        """
        insert into app.story_clock (story_id, account_id, posted_at, expires_at, first_seen_at, is_refused)
        values (%s, 'a1', %s, %s, %s, %s)
        """,
        [story_id, expires - timedelta(hours=24), expires, NOW, refused],
    )


def status_of(conn: psycopg.Connection) -> Status:
    return gather_status(conn, NOW, TICK)


def test_the_last_good_tick_is_the_newest_that_finished_well(conn: psycopg.Connection) -> None:
    add_run(conn, "capture", 30, "ok")
    add_run(conn, "capture", 9, "trouble", {"token": ["mila"]})
    add_run(conn, "capture", 4, "failed")
    add_run(conn, "capture", 1, "running")
    add_run(conn, "build", 2, "ok")
    add_run(conn, "content", 3, "trouble")
    status = status_of(conn)
    assert status.last_good_tick == NOW - minutes(9)
    assert status.is_healthy
    assert status.last_capture is not None
    assert status.last_capture.status == "running"
    assert status.last_build is not None
    assert status.last_build.status == "ok"
    assert status.last_sync is not None
    assert status.last_sync.status == "trouble"


def test_failed_and_running_ticks_do_not_make_it_healthy(conn: psycopg.Connection) -> None:
    add_run(conn, "capture", 11, "ok")
    add_run(conn, "capture", 2, "failed")
    add_run(conn, "capture", 1, "running")
    add_run(conn, "media", 0, "ok")
    assert not status_of(conn).is_healthy


def test_the_shards_of_a_tick_are_one_as_good_as_the_worst(conn: psycopg.Connection) -> None:
    add_run(conn, "capture", 9, "ok", run_id="12:00/capture-0")
    add_run(conn, "capture", 9, "ok", run_id="12:00/capture-1")
    add_run(conn, "capture", 4, "failed", {"our_outage": ["ida"], "token": ["mila", "otto"]}, "12:05/capture-0")
    add_run(conn, "capture", 3, "trouble", {"token": ["otto", "zoe"]}, "12:05/capture-1")
    status = status_of(conn)
    assert status.last_good_tick == NOW - minutes(9)
    assert status.last_capture is not None
    assert status.last_capture.status == "failed"
    assert status.last_capture.causes == {"our_outage": 1, "token": 3}
    assert status.last_capture.started_at == NOW - minutes(4)


def test_a_tick_of_a_virtual_time_to_come_proves_nothing(conn: psycopg.Connection) -> None:
    add_run(conn, "capture", -60, "ok")
    status = status_of(conn)
    assert (status.last_good_tick, status.last_capture) == (None, None)
    assert not status.is_healthy


def test_live_stories_and_those_whose_sweep_is_near_are_counted(conn: psycopg.Connection) -> None:
    add_account(conn, "mila", 1, "connected")
    for number, minutes_left in enumerate((-1, 0, 1, 9, 20, 21, 600)):
        add_story(conn, f"s{number}", minutes_left)
    add_story(conn, "refused", 5, refused=True)
    status = status_of(conn)
    assert status.live_stories == 6
    # A sweep begins 10 minutes before expiry, so the next 10 minutes reach the stories with up to 20 left.
    assert status.due_sweeps == 3


def test_connections_are_counted_by_state_and_the_troubled_are_named(conn: psycopg.Connection) -> None:
    add_account(conn, "mila", 1, "connected")
    add_account(conn, "ben", 2, "connected")
    add_account(conn, "otto", 3, "expired", "token_expired")
    add_account(conn, "ida", 4, "expiring", "data_access_ending")
    add_account(conn, "zoe", 5)
    status = status_of(conn)
    assert status.connections == {"connected": 2, "expired": 1, "expiring": 1, "not_tracked": 1}
    assert {(trouble.username, trouble.reason) for trouble in status.troubles} == {
        ("otto", "token_expired"),
        ("ida", "data_access_ending"),
    }


def test_pools_are_named_by_their_handle_while_they_are_blocked(conn: psycopg.Connection) -> None:
    add_account(conn, "mila", 1, "connected")
    for pool, left in (("1", 20), ("app:facebook", 30), ("2", -1)):
        conn.execute("insert into app.api_pools values (%s, 99, %s, %s)", [pool, NOW + minutes(left), NOW])
    assert status_of(conn).blocked == (
        BlockedPool("app:facebook", NOW + minutes(30)),
        BlockedPool("@mila", NOW + minutes(20)),
    )


def test_a_new_warehouse_has_nothing_to_show(conn: psycopg.Connection) -> None:
    status = status_of(conn)
    assert (status.last_good_tick, status.last_build, status.connections) == (None, None, {})
    assert not status.is_healthy


def test_a_database_without_the_schema_says_to_upgrade(postgres, warehouse: Settings) -> None:
    with connect(postgres.superuser) as conn, pytest.raises(StorykeepError, match="run: storykeep db upgrade"):
        gather_status(conn, NOW, TICK)
