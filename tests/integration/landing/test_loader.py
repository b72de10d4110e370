"""Landing is landing once: however often, in whatever order, from however many sides."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storykeep.landing.loader import LANDING_LOCK, land
from storykeep.landing.payload import bytes_hash, content_hash
from storykeep.landing.rows import DeadLetter, MediaFile, Row, Story, StoryInsight, StoryListing
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TABLES = ("story_listings", "stories", "story_insights", "media_files", "dead_letters")


def listing(account: str, at: datetime) -> StoryListing:
    return StoryListing(account, at, "run", "v26.0", "ok", content_hash({}), {})


def story(number: int, caption: str = "hello") -> Story:
    node: dict[str, object] = {"id": f"{number}", "caption": caption, "emoji": "🌊", "none": None, "list": [1, 2.5]}
    return Story(f"{number}", "acc", NOON, "run", "v26.0", node, content_hash(node))


def insight(story_id: str, at: datetime, views: int = 7) -> StoryInsight:
    payload: dict[str, object] = {"data": [{"name": "views", "values": [{"value": views}]}]}
    return StoryInsight(story_id, "acc", "core", at, "run", None, "ok", payload, content_hash(payload))


# Five tables, several days, natural keys that are near one another.
ROWS: list[Row] = [
    *(listing(account, NOON + hours * HOUR) for account in ("acc", "bcc") for hours in (0, 13, 40)),
    *(story(number, caption) for number in range(3) for caption in ("hello", "hello again")),
    *(insight(f"{number}", NOON + number * 9 * HOUR) for number in range(5)),
    MediaFile("0", "acc", "media", NOON, "run", "archived", None, "ab" * 32, "image/jpeg", 10, "ab/cd.jpg"),
    MediaFile("0", "acc", "thumbnail", NOON, "run", "missing", "no_url"),
    DeadLetter("acc", "stories", NOON, "run", "not JSON", b"\x00\xff<html>", bytes_hash(b"\x00\xff<html>")),
]


def take_in(conn: psycopg.Connection, rows: Sequence[Row]) -> dict[str, int]:
    with conn.transaction():
        return land(conn, rows)


def everything(conn: psycopg.Connection) -> dict[str, set[str]]:
    """All rows of schema raw, without the landing ids."""
    return {
        table: {
            row
            for (row,) in conn.execute(f"select (to_jsonb(t) - 'landing_id')::text from raw.{table} as t")  # noqa: S608
        }
        for table in TABLES
    }


def count(conn: psycopg.Connection, table: str) -> int:
    return conn.execute(f"select count(*) from raw.{table}").fetchone()[0]  # type: ignore[index]  # noqa: S608


def partitions(conn: psycopg.Connection, table: str) -> list[str]:
    query = "select relid::regclass::text from pg_partition_tree(%s) where isleaf and level > 0 order by 1"
    return [name for (name,) in conn.execute(query, [f"raw.{table}"])]


def test_every_field_of_every_kind_of_row_comes_back_as_it_went_in(conn: psycopg.Connection) -> None:
    assert take_in(conn, ROWS) == {
        "story_listings": 6,
        "stories": 6,
        "story_insights": 5,
        "media_files": 2,
        "dead_letters": 1,
    }
    for kind in {type(row) for row in ROWS}:
        names = ", ".join(field.name for field in fields(kind))
        found = conn.execute(f"select {names} from raw.{kind.table}").fetchall()  # noqa: S608 (our own names)
        sent = [astuple(row) for row in ROWS if type(row) is kind]
        assert sorted(found, key=repr) == sorted(sent, key=repr)


def test_nothing_is_landed_as_nothing(conn: psycopg.Connection) -> None:
    assert take_in(conn, []) == {}


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(st.sampled_from(range(len(ROWS))), min_size=1, max_size=30), max_size=4), st.randoms())
def test_whatever_the_batches_and_their_order_the_rows_are_the_same(
    conn: psycopg.Connection, batches: list[list[int]], shuffled: Any
) -> None:
    with conn.transaction(force_rollback=True):
        for batch in batches:
            land(conn, [ROWS[number] for number in batch])
        rest = [*ROWS, *ROWS]
        shuffled.shuffle(rest)
        land(conn, rest)
        found = everything(conn)
        assert land(conn, rest) == dict.fromkeys(TABLES, 0)
    with conn.transaction(force_rollback=True):
        land(conn, ROWS)
        assert everything(conn) == found


def test_the_first_row_of_a_key_stays(conn: psycopg.Connection) -> None:
    take_in(conn, [insight("1", NOON, views=7)])
    before = everything(conn)
    assert take_in(conn, [insight("1", NOON, views=8), insight("2", NOON)]) == {"story_insights": 1}
    assert before["story_insights"] < everything(conn)["story_insights"]


def test_new_content_of_a_story_is_a_new_row_and_old_content_is_none(conn: psycopg.Connection) -> None:
    take_in(conn, [story(1, "first")])
    assert take_in(conn, [replace(story(1, "first"), captured_at=NOON + HOUR)]) == {"stories": 0}
    assert take_in(conn, [story(1, "second")]) == {"stories": 1}


def test_the_days_of_a_batch_get_their_partitions(conn: psycopg.Connection) -> None:
    midnight = datetime(2026, 11, 6, tzinfo=UTC)
    last_moment = midnight - timedelta(microseconds=1)
    assert partitions(conn, "story_insights") == []
    take_in(conn, [insight("1", at) for at in (last_moment, midnight, midnight + 3 * DAY)])
    assert partitions(conn, "story_insights") == [
        "raw.story_insights_20261105",
        "raw.story_insights_20261106",
        "raw.story_insights_20261109",
    ]
    query = "select tableoid::regclass::text from raw.story_insights order by captured_at"
    assert conn.execute(query).fetchall() == [(name,) for name in partitions(conn, "story_insights")]
    assert partitions(conn, "story_listings") == []


def test_a_day_is_the_utc_day_whatever_the_offset_of_the_time(conn: psycopg.Connection) -> None:
    evening = datetime(2026, 11, 5, 20, 0, tzinfo=ZoneInfo("America/Los_Angeles"))  # the 6th in UTC
    take_in(conn, [insight("1", evening)])
    assert partitions(conn, "story_insights") == ["raw.story_insights_20261106"]


def test_a_transaction_that_fails_leaves_nothing_behind(conn: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), conn.transaction():
        land(conn, [story(1), replace(listing("acc", NOON), status="unheard of")])  # type: ignore[arg-type]
    assert everything(conn) == {table: set() for table in TABLES}
    assert take_in(conn, [story(1), listing("acc", NOON)]) == {"stories": 1, "story_listings": 1}


def test_a_payload_that_postgres_refuses_is_an_error_and_no_row(conn: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UntranslatableCharacter), conn.transaction():
        land(conn, [replace(story(1), payload={"caption": "\x00"})])
    assert count(conn, "stories") == 0


def test_the_same_rows_from_many_sides_at_once_are_landed_once(warehouse: Settings, conn: psycopg.Connection) -> None:
    """Keys in opposite orders and partitions that are missing: without the lock, a deadlock or an error."""
    sides, rounds = 4, 5
    start = Barrier(sides)

    def side(number: int) -> list[dict[str, int]]:
        rows = ROWS if number % 2 else ROWS[::-1]
        with connect(warehouse.warehouse, "storykeep_ingest") as mine:
            mine.autocommit = True
            return [_at_once(mine, rows, start, day) for day in range(rounds)]

    with ThreadPoolExecutor(sides) as pool:
        counts = list(pool.map(side, range(sides)))
    landed = sum(sum(by_table.values()) for of_side in counts for by_table in of_side)
    assert landed == sum(map(len, everything(conn).values()))
    assert count(conn, "story_insights") == 5 * rounds


def _at_once(conn: psycopg.Connection, rows: Sequence[Row], start: Barrier, day: int) -> dict[str, int]:
    start.wait(30)
    return take_in(conn, [replace(row, captured_at=row.captured_at + 10 * day * DAY) for row in rows])


def test_landing_ids_become_visible_in_their_order(
    conn: psycopg.Connection, other: psycopg.Connection, warehouse: Settings
) -> None:
    """A build that has seen the highest landing id has missed none below it."""
    with ThreadPoolExecutor(1) as pool, ExitStack() as slow:
        slow.enter_context(conn.transaction())
        land(conn, [story(1)])  # it holds its landing id, and nobody sees it yet
        second = pool.submit(take_in, other, [story(2)])
        with connect(warehouse.warehouse, "storykeep_ingest") as watcher:
            watcher.autocommit = True
            wait_until(lambda: waits_for_the_lock(watcher))
            assert count(watcher, "stories") == 0, "the second must not be seen before the first"
        assert not second.done()
        slow.close()
        assert second.result(30) == {"stories": 1}
    ids = conn.execute("select story_id from raw.stories order by landing_id").fetchall()
    assert ids == [("1",), ("2",)]


def waits_for_the_lock(conn: psycopg.Connection) -> bool:
    query = """
        select 1 from pg_locks
        where locktype = 'advisory' and not granted and (classid::bigint << 32) + objid::bigint = %s
            and database = (select oid from pg_database where datname = current_database())
    """
    return conn.execute(query, [LANDING_LOCK]).fetchone() is not None


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    while not holds():
        assert datetime.now(UTC) < deadline, "it never came to be"


def test_an_open_reader_does_not_hold_up_the_partition_of_a_new_day(
    warehouse: Settings, conn: psycopg.Connection
) -> None:
    take_in(conn, [listing("acc", NOON)])
    with connect(warehouse.warehouse, "storykeep_transform") as reader:
        assert reader.execute("select count(*) from raw.story_listings").fetchone() == (1,)  # and stays open
        conn.execute("set lock_timeout = '2s'")
        take_in(conn, [listing("acc", NOON + 3 * DAY), insight("1", NOON + 3 * DAY)])
    assert count(conn, "story_listings") == 2
