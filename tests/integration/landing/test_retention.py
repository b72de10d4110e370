"""Retention: whole days go, what is still needed of them stays, and late rows do no harm."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from storykeep.errors import StorykeepError
from storykeep.landing.loader import land
from storykeep.landing.payload import content_hash
from storykeep.landing.retention import Partition, Retired, old_partitions, retire
from storykeep.landing.rows import Row, StoryInsight, StoryListing
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

FIRST = datetime(2026, 11, 5, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOW = FIRST + 5 * DAY
INSIGHTS, LISTINGS = (Partition(table, FIRST.date()) for table in ("story_insights", "story_listings"))


def insight(hour: float, group: str = "core", story_id: str = "1", **counts: Any) -> StoryInsight:
    data = [{"name": name, "values": [{"value": value}]} for name, value in counts.items()]
    return reply(hour, {"data": data}, group, story_id)


def navigation(hour: float, total: int, **parts: int) -> StoryInsight:
    results = [{"dimension_values": [name], "value": value} for name, value in parts.items()]
    told = {"value": total, "breakdowns": [{"results": results}]}
    return reply(hour, {"data": [{"name": "navigation", "total_value": told}]}, "navigation")


def reply(
    hour: float, payload: dict[str, object], group: str = "core", story_id: str = "1", status: Any = "ok"
) -> StoryInsight:
    moment = FIRST + hour * HOUR
    return StoryInsight(story_id, "acc", group, moment, "run", "v26.0", status, payload, content_hash(payload))


def withheld(hour: float, trace: str = "") -> StoryInsight:
    return reply(hour, {"error": {"code": 10, "fbtrace_id": trace}}, status="withheld")


def listing(hour: float, account: str = "acc", cause: str | None = None) -> StoryListing:
    status: Any = "failed" if cause else "ok"
    return StoryListing(account, FIRST + hour * HOUR, "run", "v26.0", status, content_hash({}), {}, cause)


def take_in(conn: psycopg.Connection, *rows: Row) -> dict[str, int]:
    with conn.transaction():
        return land(conn, rows)


def kept(conn: psycopg.Connection) -> list[tuple[float, str]]:
    rows = conn.execute("select captured_at, metric_group from raw.story_insights_kept order by 1, 2").fetchall()
    return [((moment - FIRST) / HOUR, group) for moment, group in rows]


def listed(conn: psycopg.Connection) -> list[tuple[str, date, str, str | None, list[float]]]:
    rows = conn.execute(
        "select account_id, day, status, cause, captured_at from raw.listing_days order by account_id, status, cause"
    ).fetchall()
    return [(*row, [(moment - FIRST) / HOUR for moment in moments]) for *row, moments in rows]  # type: ignore[misc]


@pytest.fixture
def days(conn: psycopg.Connection) -> psycopg.Connection:
    """A connection to five days of both tables, the first of them empty but for its partitions."""
    with conn.transaction():
        for number in range(5):
            for table in ("story_insights", "story_listings"):
                conn.execute("select raw.ensure_partition(%s, %s)", [table, (FIRST + number * DAY).date()])
    return conn


@pytest.fixture
def reader(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_transform") as connection:
        yield connection


def test_only_whole_days_beyond_the_age_go_and_never_the_newest_three(days: psycopg.Connection) -> None:
    def old(now: datetime, age: int) -> list[tuple[str, int]]:
        return [(found.table, (found.day - FIRST.date()).days) for found in old_partitions(days, now, age)]

    assert old(NOW, 5) == []
    assert old(NOW, 4) == [("story_insights", 0), ("story_listings", 0)]
    assert old(NOW - timedelta(seconds=1), 4) == []
    assert {number for _, number in old(NOW, 3)} == {0, 1}
    assert {number for _, number in old(NOW + 400 * DAY, 3)} == {0, 1}
    assert old(NOW, 999_999) == []


def test_the_newest_days_are_not_dropped_even_when_that_is_asked_for(days: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="the newest three days stay"):
        retire(days, Partition("story_insights", (FIRST + 2 * DAY).date()))
    assert retire(days, Partition("story_insights", (FIRST + DAY).date())) == Retired(0, 0)


def test_what_is_no_partitioned_table_is_not_dropped(days: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="not partitioned by day"):
        retire(days, Partition("stories", FIRST.date()))


def test_the_last_two_readings_stay_with_all_their_replies(days: psycopg.Connection) -> None:
    take_in(days, *(insight(hour, group, views=hour) for hour in range(1, 9) for group in ("core", "more")))
    assert retire(days, INSIGHTS) == Retired(16, 4)
    assert kept(days) == [(7, "core"), (7, "more"), (8, "core"), (8, "more")]
    assert days.execute("select to_regclass('raw.story_insights_20261105')").fetchone() == (None,)


def test_nothing_of_a_day_stays_when_the_next_day_says_it_all(days: psycopg.Connection) -> None:
    take_in(days, *(insight(hour, views=1) for hour in (20, 22, 25, 26)))
    take_in(days, *(insight(hour, story_id="2", views=1) for hour in (20, 22, 25)))
    assert retire(days, INSIGHTS) == Retired(4, 1)
    assert days.execute("select story_id from raw.story_insights_kept").fetchall() == [("2",)]


def test_a_metric_that_later_replies_leave_out_stays_known(days: psycopg.Connection) -> None:
    take_in(days, insight(1, views=1, shares=2), *(insight(hour, views=hour) for hour in (2, 3, 4)))
    take_in(days, insight(5, views=None), insight(6, views=-1), insight(7, views="8"), insight(8, views=10**15))
    retire(days, INSIGHTS)
    assert [hour for hour, _ in kept(days)] == [1, 3, 4, 5, 6, 7, 8]


def test_of_replies_that_are_withheld_the_last_ones_stay_whatever_else_they_say(days: psycopg.Connection) -> None:
    take_in(days, *(withheld(hour, trace=f"trace {hour}") for hour in range(1, 6)))
    retire(days, INSIGHTS)
    assert [hour for hour, _ in kept(days)] == [4, 5]


def test_a_breakdown_that_adds_up_is_not_one_that_does_not(days: psycopg.Connection) -> None:
    """Whatever it leaves out is 0 in the one and unknown in the other."""
    take_in(days, *(navigation(hour, hour, tap_exit=hour) for hour in (1, 2, 3)))
    take_in(days, *(navigation(hour, hour, tap_exit=hour - 1) for hour in (4, 5, 6)))
    retire(days, INSIGHTS)
    assert [hour for hour, _ in kept(days)] == [2, 3, 5, 6]


def test_where_two_replies_of_a_moment_contradict_each_other_all_such_moments_stay(days: psycopg.Connection) -> None:
    for hour in (1, 2, 3, 4):
        take_in(days, navigation(hour, hour, tap_exit=hour), insight(hour, navigation=hour + 1))
    retire(days, INSIGHTS)
    assert sorted({hour for hour, _ in kept(days)}) == [1, 2, 3, 4]


def test_every_listing_of_a_day_becomes_part_of_one_row(days: psycopg.Connection) -> None:
    take_in(days, *(listing(hour) for hour in (3, 1, 2)), listing(4, cause="throttled"), listing(5, cause="token"))
    take_in(days, listing(1, "other"), listing(30))
    assert retire(days, LISTINGS) == Retired(6, 4)
    day = FIRST.date()
    assert listed(days) == [
        ("acc", day, "failed", "throttled", [4]),
        ("acc", day, "failed", "token", [5]),
        ("acc", day, "ok", None, [1, 2, 3]),
        ("other", day, "ok", None, [1]),
    ]
    assert days.execute("select count(*) from raw.story_listings").fetchone() == (1,)


def test_late_rows_land_and_are_taken_in_by_the_next_run_without_doubling(days: psycopg.Connection) -> None:
    take_in(days, *(insight(hour, views=hour) for hour in (1, 2, 3)), *(listing(hour) for hour in (1, 2)))
    retire(days, INSIGHTS)
    retire(days, LISTINGS)
    late = [insight(hour, views=9) for hour in (2, 2.5, 3, 4)] + [listing(hour) for hour in (2, 3)]
    assert take_in(days, *late) == {"story_insights": 2, "story_listings": 1}
    assert take_in(days, *late) == {"story_insights": 0, "story_listings": 0}
    assert retire(days, INSIGHTS) == Retired(2, 1)
    assert retire(days, LISTINGS) == Retired(1, 1)
    assert [hour for hour, _ in kept(days)] == [2, 3, 4]
    assert [moments for *_, moments in listed(days)] == [[1, 2, 3]]


def test_a_row_that_is_landing_meanwhile_is_waited_for_and_kept(
    days: psycopg.Connection, other: psycopg.Connection
) -> None:
    take_in(days, insight(1, views=1))
    retired: list[Retired] = []
    with other.transaction():
        land(other, [insight(2, views=2)])
        dropping = threading.Thread(target=lambda: retired.append(retire(days, INSIGHTS)))
        dropping.start()
        dropping.join(timeout=1.5)
        assert dropping.is_alive()
    dropping.join(timeout=10)
    assert retired == [Retired(2, 2)]
    assert [hour for hour, _ in kept(days)] == [1, 2]


def test_an_open_reader_is_told_of_and_nothing_is_half_done(
    days: psycopg.Connection, reader: psycopg.Connection
) -> None:
    take_in(days, insight(1, views=1))
    reader.execute("select count(*) from raw.story_insights")
    with pytest.raises(StorykeepError, match=r"^raw\.story_insights of 2026-11-05: is not dropped: .* next run"):
        retire(days, INSIGHTS)
    assert kept(days) == []
    assert reader.execute("select count(*) from raw.story_insights").fetchone() == (1,)
    reader.rollback()
    assert retire(days, INSIGHTS) == Retired(1, 1)


def test_a_batch_that_looked_for_its_partition_does_not_lose_it(
    days: psycopg.Connection, other: psycopg.Connection
) -> None:
    with days.transaction():
        days.execute("select raw.ensure_partition('story_insights', %s)", [FIRST.date()])
        with pytest.raises(StorykeepError, match="is not dropped"):
            retire(other, INSIGHTS)
        assert land(days, [insight(1, views=1)]) == {"story_insights": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "select raw.keep_story_insights(now(), now())",
        "select raw.keep_story_listings(now(), now())",
        "delete from raw.story_insights_kept",
        "update raw.listing_days set status = 'ok'",
        "drop table raw.story_insights_20261105",
    ],
)
def test_capture_may_drop_days_and_nothing_else(days: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        days.execute(statement)


def test_who_builds_may_drop_nothing(reader: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select raw.retire_partition('story_insights', '2026-11-05')")


def test_what_is_kept_has_the_columns_of_what_is_dropped(conn: psycopg.Connection) -> None:
    def columns(table: str) -> list[tuple[Any, ...]]:
        return conn.execute(
            "select attname, atttypid::regtype::text, attnotnull from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [table],
        ).fetchall()

    assert columns("raw.story_insights_kept") == columns("raw.story_insights")
