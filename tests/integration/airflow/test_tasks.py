"""What the tasks of the capture DAGs write down and how the last of them judges it; whose turn a build task has."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.integration.airflow.conftest import RUN_ID

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock, parse_time, system_clock
from storykeep.errors import StorykeepError
from storykeep.landing.runs import ledger
from storykeep.local.postgres import uri
from storykeep.settings import Settings
from storykeep.transform.turn import LOCK
from storykeep.warehouse import WarehouseAwayError, connect

pytestmark = pytest.mark.integration

AS_OF = "2026-11-05T12:00:00+00:00"
BEFORE = "2026-11-05T11:55:00+00:00"


def test_each_shard_writes_its_run_down_and_the_summary_is_content(tasks: Any, conn: psycopg.Connection) -> None:
    assert [tasks.capture_shard(shard) for shard in (0, 1)] == [{}, {}]
    written = conn.execute("select run_id, status from app.runs order by 1").fetchall()
    assert written == [(f"{RUN_ID}/capture-{shard}", "ok") for shard in (0, 1)]
    tasks.summarise()


def test_a_shard_goes_on_without_postgres_and_fails_at_last(
    tasks: Any, conn: psycopg.Connection, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = json.dumps({"host": "http://127.0.0.1:9", "login": "1", "password": "x"})
    monkeypatch.setenv("AIRFLOW_CONN_GRAPH_FACEBOOK", nowhere)
    monkeypatch.setenv("STORYKEEP_SHARDS", "1")
    rows = "facebook,17841400000000001,ada,EAAtoken,,,,\n"
    import_accounts(conn, Vault(warehouse.token_keys), f"{','.join(COLUMNS)}\n{rows}", system_clock())
    tasks.capture_shard(0)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri(replace(warehouse.warehouse, port=9)))
    with pytest.raises(WarehouseAwayError, match=r"/spool: the warehouse is away .* 1 replies spooled"):
        tasks.capture_shard(0)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri(warehouse.warehouse))
    assert tasks.capture_shard(0)["drained"] == 1


def test_the_summary_names_who_was_not_captured(tasks: Any, conn: psycopg.Connection) -> None:
    for shard, username in enumerate(("cleo", "ben")):
        with ledger(conn, "capture", f"{RUN_ID}/capture-{shard}", system_clock) as run:
            run.causes["our_outage"].add(username)
            run.causes["token"].add("ada")
    with pytest.raises(StorykeepError, match=r"^not captured: our_outage: @ben, @cleo -> "):
        tasks.summarise()


def test_a_shard_that_failed_fails_the_summary(
    tasks: Any, monkeypatch: pytest.MonkeyPatch, conn: psycopg.Connection
) -> None:
    """Its own task is no last one of the DAG, so Airflow would count the run as a success."""
    tasks.capture_shard(0)
    monkeypatch.setenv("STORYKEEP_TOKEN_KEYS", "not a key")
    with pytest.raises(StorykeepError, match="STORYKEEP_TOKEN_KEYS: key 1 is not a Fernet key"):
        tasks.capture_shard(1)
    assert conn.execute("select status from app.runs order by run_id").fetchall() == [("ok",), ("failed",)]
    with pytest.raises(StorykeepError, match=r"^capture: 1 of 2 shards did not end well -> "):
        tasks.summarise()


def test_so_does_one_that_never_began(tasks: Any) -> None:
    tasks.capture_shard(0)
    with pytest.raises(StorykeepError, match="1 of 2 shards"):
        tasks.summarise()


def test_a_refresh_says_what_it_lacks_and_is_judged_by_what_it_wrote_down(
    tasks: Any, conn: psycopg.Connection, warehouse: Settings
) -> None:
    rows = "facebook,17841400000000001,ada,EAAtoken,,,,\nfacebook,17841400000000002,ben,,,,,\n"
    import_accounts(conn, Vault(warehouse.token_keys), f"{','.join(COLUMNS)}\n{rows}", system_clock())
    with pytest.raises(StorykeepError, match=r"^@nobody: there is no such account"):
        tasks.refresh_account("nobody")
    with pytest.raises(StorykeepError, match=r"^@ben: it cannot be read: not_tracked"):
        tasks.refresh_account("@ben")
    with pytest.raises(StorykeepError, match=r"^@ada: its app is not set up"):
        tasks.refresh_account("ada")
    with pytest.raises(StorykeepError, match=r"^@ada: it was not refreshed"):
        tasks.judge_refresh("ada")


def test_a_refresh_lands_under_the_run_of_its_dag_and_fails_only_when_judged(
    tasks: Any, conn: psycopg.Connection, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = json.dumps({"host": "http://127.0.0.1:9", "login": "1", "password": "x"})
    monkeypatch.setenv("AIRFLOW_CONN_GRAPH_FACEBOOK", nowhere)
    rows = "facebook,17841400000000001,ada,EAAtoken,,,,\n"
    import_accounts(conn, Vault(warehouse.token_keys), f"{','.join(COLUMNS)}\n{rows}", system_clock())
    assert tasks.refresh_account("@ada")["rows"] == 1  # that it was tried, and why it failed
    ((run_id, kind, status),) = conn.execute("select run_id, kind, status from app.runs").fetchall()
    assert (f"/{RUN_ID}/" in run_id, kind, status) == (True, "refresh", "trouble")
    with pytest.raises(StorykeepError, match=r"^@ada: not read in full: api_unreachable -> "):
        tasks.judge_refresh("@ada")


def test_what_a_later_build_took_over_is_left_to_it(
    tasks: Any, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    done: list[str] = []
    monkeypatch.setattr("storykeep.transform.dbt.build", lambda *_: done.append("dbt_build"))
    monkeypatch.setattr("storykeep.transform.dbt.warn_of_old_sources", lambda *_: None)
    monkeypatch.setattr("storykeep.quality.release.check_release", lambda *_: done.append("check_release"))
    monkeypatch.setattr("storykeep.transform.publish.publish", lambda *_: done.append("publish") or {})
    with connect(warehouse.warehouse, "storykeep_transform") as transform:
        transform.execute("create table intermediate.last_build (reached_at timestamptz)")
        transform.execute("insert into intermediate.last_build values (%s)", [AS_OF])
    calls = [("dbt_build", ({},)), ("check_release", ()), ("publish", ({},))]
    # Neither is the build itself, nor one that somebody made of a moment to come.
    for as_of, now in ((AS_OF, AS_OF), (BEFORE, BEFORE)):
        monkeypatch.setattr(tasks, "system_clock", fixed_clock(parse_time(now)))
        for task, arguments in calls:
            getattr(tasks, task)(as_of, *arguments)
    assert done == 2 * ["dbt_build", "check_release", "publish"]
    monkeypatch.setattr(tasks, "system_clock", fixed_clock(parse_time(AS_OF)))
    for task, arguments in calls:
        with pytest.raises(AirflowSkipException, match="a build as of a later moment"):
            getattr(tasks, task)(BEFORE, *arguments)
    assert len(done) == 6


def test_the_rebuild_is_skipped_when_it_is_not_due_and_not_asked_for(
    tasks: Any, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException
    from airflow.sdk.execution_time.context import set_current_context

    monkeypatch.setattr("storykeep.maintenance.maintain.check_rebuild", lambda *_: {"marts compared": 9})
    with ledger(conn, "maintain", "the first", fixed_clock(system_clock() - timedelta(days=7))):
        pass
    asked_for = {"run_id": RUN_ID, "params": {"rebuild": True}}
    with set_current_context({"run_id": RUN_ID, "params": {"rebuild": False}}):  # type: ignore[typeddict-item]
        assert tasks.check_rebuild() == {"marts compared": 9}
        with pytest.raises(AirflowSkipException, match="less than a week ago"):
            tasks.check_rebuild()
    with set_current_context(asked_for):  # type: ignore[arg-type]
        assert tasks.check_rebuild() == {"marts compared": 9}
    written = conn.execute("select run_id, kind, status from app.runs where run_id <> 'the first'").fetchall()
    assert written == [(f"{RUN_ID}/rebuild", "maintain", "ok")]


def test_the_daily_steps_write_themselves_down(tasks: Any, conn: psycopg.Connection) -> None:
    assert tasks.carry_out_deletions() == {"recalled after a restore": 0}
    assert tasks.purge_unmatched() == {}
    assert tasks.apply_retention() == {}
    assert tasks.prune_data_docs() == {"data docs deleted": 0}
    written = conn.execute("select run_id, kind, status from app.runs order by 1").fetchall()
    assert written == [(f"{RUN_ID}/{step}", "maintain", "ok") for step in ("data-docs", "deletions", "retention")]


@pytest.mark.parametrize(
    ("task", "arguments", "work"),
    [
        ("dbt_build", (AS_OF, {}), "storykeep.transform.dbt.build"),
        ("check_release", (AS_OF,), "storykeep.quality.release.check_release"),
        ("publish", (AS_OF, {}), "storykeep.transform.publish.publish_in_turn"),
    ],
)
def test_nobody_else_builds_while_a_task_does(
    tasks: Any,
    conn: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    arguments: tuple[Any, ...],
    work: str,
) -> None:
    had_by_others: list[bool] = []

    def probe(*_: Any) -> dict[str, int]:
        (free,) = conn.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() or (None,)
        had_by_others.append(not free)
        return {}

    monkeypatch.setattr(work, probe)
    monkeypatch.setattr("storykeep.transform.dbt.warn_of_old_sources", lambda *_: None)
    getattr(tasks, task)(*arguments)
    assert had_by_others == [True]
    assert conn.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (True,)


def test_each_shard_of_the_content_writes_its_run_down_and_the_summary_is_content(
    tasks: Any, conn: psycopg.Connection
) -> None:
    assert [tasks.sync_shard(shard) for shard in (0, 1)] == [{}, {}]
    written = conn.execute("select run_id, kind, status from app.runs order by 1").fetchall()
    assert written == [(f"{RUN_ID}/content-{shard}", "content", "ok") for shard in (0, 1)]
    tasks.summarise_content()


def test_the_summary_of_the_content_names_who_was_not_read_and_the_shards_that_are_missing(
    tasks: Any, conn: psycopg.Connection
) -> None:
    with ledger(conn, "content", f"{RUN_ID}/content-0", system_clock):
        pass
    with ledger(conn, "capture", f"{RUN_ID}/capture-1", system_clock):
        pass
    with pytest.raises(StorykeepError, match=r"^content: 1 of 2 shards did not end well -> "):
        tasks.summarise_content()
    with ledger(conn, "content", f"{RUN_ID}/content-1", system_clock) as run:
        run.causes["throttled"].add("ben")
        run.causes["token"].add("ada")
    with pytest.raises(StorykeepError, match=r"^not captured: throttled: @ben -> "):
        tasks.summarise_content()
