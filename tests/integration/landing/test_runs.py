"""The run ledger tells how each run went, whatever ended it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from storykeep.landing.runs import Outcome, ledger, outcomes

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Ticking:
    """A clock that is a minute later at each look."""

    def __init__(self, at: datetime = NOON) -> None:
        self._times: Iterator[datetime] = (at + number * MINUTE for number in range(100))

    def __call__(self) -> datetime:
        return next(self._times)


def written(conn: psycopg.Connection, run_id: str = "a-run") -> tuple[Any, ...]:
    found = conn.execute(
        "select kind, clock_at, started_at, finished_at, status, counts, causes from app.runs where run_id = %s",
        [run_id],
    ).fetchone()
    assert found is not None
    return found


def test_a_run_that_is_under_way_can_be_seen(conn: psycopg.Connection, other: psycopg.Connection) -> None:
    with ledger(conn, "capture", "a-run", Ticking()) as run:
        assert written(other) == ("capture", NOON, NOON, None, "running", {}, {})
        assert (run.run_id, run.clock_at) == ("a-run", NOON)


def test_a_run_that_ends_well_is_ok_with_its_counts(conn: psycopg.Connection, other: psycopg.Connection) -> None:
    with ledger(conn, "build", "a-run", Ticking()) as run:
        run.counts["rows"] += 3
    assert written(other) == ("build", NOON, NOON, NOON + MINUTE, "ok", {"rows": 3}, {})


def test_a_run_that_could_not_serve_everybody_is_in_trouble(conn: psycopg.Connection) -> None:
    with ledger(conn, "capture", "a-run", Ticking()) as run:
        run.causes["throttled"] |= {"cleo", "ben"}
    assert written(conn)[4:] == ("trouble", {}, {"throttled": ["ben", "cleo"]})


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_run_that_an_exception_ends_has_failed_with_what_it_counted(
    conn: psycopg.Connection, error: type[BaseException]
) -> None:
    with pytest.raises(error), ledger(conn, "tokens", "a-run", Ticking()) as run:
        run.counts["alerts"] += 1
        raise error
    assert written(conn) == ("tokens", NOON, NOON, NOON + MINUTE, "failed", {"alerts": 1}, {})


def test_a_statement_that_fails_is_written_down_too(warehouse_conn: psycopg.Connection) -> None:
    """Outside autocommit, the failed transaction has to go first."""
    with (
        pytest.raises(psycopg.errors.UndefinedTable),
        ledger(warehouse_conn, "capture", "a-run", Ticking()) as run,
    ):
        run.counts["calls"] += 1
        warehouse_conn.execute("select from there_is_no_such_table")
    assert written(warehouse_conn)[4:6] == ("failed", {"calls": 1})


@pytest.fixture
def warehouse_conn(conn: psycopg.Connection) -> psycopg.Connection:
    """The same connection with a transaction around every statement, as the token watch has it."""
    conn.autocommit = False
    return conn


def test_a_lost_connection_does_not_hide_what_went_wrong(conn: psycopg.Connection, other: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="the first error"), ledger(conn, "capture", "a-run", Ticking()):
        conn.close()
        raise ValueError("the first error")
    assert written(other)[3:5] == (None, "running")


def test_the_same_run_id_starts_its_entry_afresh(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="killed"), ledger(conn, "capture", "a-run", Ticking()) as run:
        run.counts["calls"] += 9
        run.causes["throttled"].add("ben")
        raise ValueError("killed")
    later = NOON + 10 * MINUTE
    with ledger(conn, "capture", "a-run", Ticking(later)) as again:
        assert written(conn) == ("capture", later, later, None, "running", {}, {})
        again.counts["calls"] += 1
    assert written(conn) == ("capture", later, later, later + MINUTE, "ok", {"calls": 1}, {})


def test_the_outcomes_of_a_tick_are_those_of_its_shards_alone(conn: psycopg.Connection) -> None:
    for run_id in ("scheduled__1/capture-0", "scheduled__1/capture-1", "scheduled__10/capture-0", "scheduled_11"):
        with ledger(conn, "capture", run_id, Ticking()) as run:
            run.counts["listings"] += 1
    with ledger(conn, "capture", "scheduled__1/capture-1", Ticking()) as run:
        run.causes["our_outage"].add("ben")
    assert outcomes(conn, "scheduled__1/capture-") == [
        Outcome("scheduled__1/capture-0", "ok", {"listings": 1}, {}),
        Outcome("scheduled__1/capture-1", "trouble", {}, {"our_outage": ["ben"]}),
    ]
