"""Every DAG that there should be is there, is parsed without error and keeps the rules of the house."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from .conftest import FOLDER

EXPECTED = {
    "capture_stories",
    "sync_content",
    "build_marts",
    "watch_tokens",
    "load_entries",
    "refresh_account",
    "maintain_warehouse",
}
SCHEDULED = {
    "capture_stories": timedelta(seconds=300),
    "sync_content": timedelta(hours=1),
    "watch_tokens": timedelta(hours=1),
    "maintain_warehouse": timedelta(days=1),
}

each_dag = pytest.mark.parametrize("dag_id", sorted(EXPECTED))


def test_exactly_the_expected_dags_are_found(bag: Any) -> None:
    assert set(bag.dags) == EXPECTED


def test_no_file_fails_to_import(bag: Any) -> None:
    assert bag.import_errors == {}


def test_a_file_that_fails_would_be_noticed(parse: Callable[..., Any]) -> None:
    """A setting that cannot be read stops the DAGs that need the settings, and Airflow shows our message."""
    broken = parse(STORYKEEP_TICK_SECONDS="often")
    assert set(broken.dags) == EXPECTED - {"capture_stories", "sync_content"}
    assert len(broken.import_errors) == 2
    for error in broken.import_errors.values():
        assert "STORYKEEP_TICK_SECONDS: 'often' is not a positive whole number -> the default is 300" in error


def test_every_file_holds_the_dag_of_its_name(dags: dict[str, Any]) -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == EXPECTED
    assert {dag_id: Path(dag.fileloc) for dag_id, dag in dags.items()} == {
        dag_id: FOLDER / f"{dag_id}.py" for dag_id in EXPECTED
    }


@each_dag
def test_the_docs_say_what_it_does_and_what_to_do_when_it_fails(dags: dict[str, Any], dag_id: str) -> None:
    title, purpose, *rest = [part for part in dags[dag_id].doc_md.split("\n\n") if part.strip()]
    assert title.strip() == f"### {dag_id}"
    assert len(purpose.split()) > 10
    triage = "\n\n".join(rest).partition("#### When it fails")[2]
    assert len(triage.split()) > 20


@each_dag
def test_it_carries_the_tag(dags: dict[str, Any], dag_id: str) -> None:
    assert dags[dag_id].tags == {"storykeep"}


@each_dag
def test_no_task_retries_but_the_one_that_sends_to_others(dags: dict[str, Any], dag_id: str) -> None:
    """The next run is the retry."""
    assert dags[dag_id].tasks
    retries = {task.task_id: task.retries for task in dags[dag_id].tasks if task.retries != 0}
    assert retries == ({"notify": 2} if dag_id == "watch_tokens" else {})


@each_dag
def test_one_run_at_a_time_and_none_for_the_past(dags: dict[str, Any], dag_id: str) -> None:
    at_most = 16 if dag_id == "load_entries" else 1  # one of these may wait for an approval, and locks the inbox itself
    assert (dags[dag_id].max_active_runs, dags[dag_id].catchup) == (at_most, False)


@pytest.mark.parametrize("dag_id", sorted(SCHEDULED))
def test_the_schedule_is_an_interval_and_no_run_outlasts_it(dags: dict[str, Any], dag_id: str) -> None:
    assert dags[dag_id].schedule == SCHEDULED[dag_id]
    limits = {task.execution_timeout for task in dags[dag_id].tasks}
    assert None not in limits
    assert max(limits) <= SCHEDULED[dag_id]


def test_a_setting_shortens_the_tick_and_its_time_limit(parse: Callable[..., Any]) -> None:
    dag = parse(STORYKEEP_TICK_SECONDS="20").dags["capture_stories"]
    assert dag.schedule == timedelta(seconds=20)
    assert {task.execution_timeout for task in dag.tasks} == {timedelta(seconds=20)}


def test_the_build_waits_for_any_raw_asset(dags: dict[str, Any]) -> None:
    """A list would wait for all of them."""
    from storykeep.airflow.assets import RAW_CONTENT, RAW_ENTRIES, RAW_STORIES

    assert dags["build_marts"].schedule == (RAW_STORIES | RAW_CONTENT | RAW_ENTRIES)


def test_an_account_is_refreshed_by_hand_only_and_by_its_handle(dags: dict[str, Any]) -> None:
    dag = dags["refresh_account"]
    assert dag.schedule is None
    assert set(dag.params) == {"handle"}
    assert {task.execution_timeout for task in dag.tasks} == {timedelta(minutes=5)}


@pytest.mark.parametrize("handle", ["mila.berg", "@Mila.Berg", "a" * 30])
def test_a_handle_is_taken_as_people_write_it(dags: dict[str, Any], handle: str) -> None:
    assert dags["refresh_account"].params.get_param("handle").resolve(handle) == handle


@pytest.mark.parametrize("handle", ["", "@", "a" * 31, "mila berg", "{{ 1 }}", "mila\nberg", 17841400000000001, None])
def test_what_is_no_handle_is_refused_before_the_run_begins(dags: dict[str, Any], handle: object) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dags["refresh_account"].params.get_param("handle").resolve(handle)


def test_the_form_of_entries_offers_every_kind_and_demands_nothing(dags: dict[str, Any]) -> None:
    from storykeep.entries.kinds import KINDS

    params = dags["load_entries"].params
    assert list(params) == ["file", "kind", "author", "date_format", "time_zone"]
    assert params.get_param("kind").schema["enum"] == [None, *KINDS]
    assert {name: params.get_param(name).resolve() for name in params} == {
        **dict.fromkeys(params),
        "time_zone": "UTC",
    }
    # Airflow's form sends nothing off while a field is empty whose type has no null.
    assert [name for name in params if "null" not in params.get_param(name).schema["type"]] == ["time_zone"]


@pytest.mark.parametrize(
    ("param", "value"),
    [
        *(("file", bad) for bad in ("../a.csv", "/etc/passwd", "a\\b.csv", "a\x00.csv", "a" * 201)),
        *(("kind", bad) for bad in ("stories", "assign; drop table", "")),
        *(("author", bad) for bad in ("a" * 101, "a\nb")),
        *(("date_format", bad) for bad in ("%d" * 21, "%d\n%m")),
        *(("time_zone", bad) for bad in ("", "Europe/Berlin'; --", "{{ 1 }}")),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_form(dags: dict[str, Any], param: str, value: object) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dags["load_entries"].params.get_param(param).resolve(value)
