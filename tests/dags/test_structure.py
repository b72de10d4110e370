"""Which tasks each DAG has, in which order, and that DAG files only wire them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.dags import wiring

from .conftest import FOLDER

each_file = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)

EDGES = {
    "capture_stories": {
        "capture": {"landed"},
        "landed": {"archive_media", "summary"},
        "archive_media": set(),
        "summary": set(),
    },
    "sync_content": {"sync": {"landed"}, "landed": {"summary"}, "summary": set()},
    "build_marts": {
        "check_landing": {"dbt_build", "check_release", "publish"},
        "dbt_build": {"check_release"},
        "check_release": {"publish"},
        "publish": set(),
    },
    "watch_tokens": {
        "check_tokens": {"alert", "notify"},
        "alert": {"tell"},
        "notify": {"tell"},
        "tell": set(),
    },
    "load_entries": {
        "land": {"landed", "approve", "report_rejects"},
        "landed": {"report_rejects"},
        "approve": {"report_rejects"},
        "report_rejects": set(),
    },
    "refresh_account": {"refresh": {"landed", "judge"}, "landed": set(), "judge": set()},
    "maintain_warehouse": {
        "check_rebuild": {"carry_out_deletions", "purge_unmatched"},
        "carry_out_deletions": set(),
        "purge_unmatched": {"apply_retention"},
        "apply_retention": set(),
        "prune_data_docs": set(),
    },
}
# Tasks that are no functions.
OPERATORS = {"load_entries": {"approve"}}
A_DAG = """
from airflow.sdk import dag, task
from storykeep.airflow import tasks

@dag
def a_dag():
    @task
    def work(shard):
        {body}
    work(1)
"""


@pytest.mark.parametrize("dag_id", sorted(EDGES))
def test_tasks_and_their_order(dags: dict[str, Any], dag_id: str) -> None:
    assert {task.task_id: task.downstream_task_ids for task in dags[dag_id].tasks} == EDGES[dag_id]


@pytest.mark.parametrize(("settings", "shards"), [({}, [0, 1]), ({"STORYKEEP_SHARDS": "5"}, [0, 1, 2, 3, 4])])
def test_capture_and_content_are_mapped_over_the_shards(
    parse: Callable[..., Any], settings: dict[str, str], shards: list[int]
) -> None:
    dags = parse(**settings).dags
    for dag_id, mapped in {"capture_stories": "capture", "sync_content": "sync"}.items():
        assert [task.task_id for task in dags[dag_id].tasks if task.is_mapped] == [mapped]
        assert dags[dag_id].get_task(mapped).op_kwargs_expand_input.value == {"shard": shards}


def test_content_takes_one_of_the_executors_places_at_most(dags: dict[str, Any]) -> None:
    """Both shards of capture need theirs within seconds, whatever else runs."""
    assert dags["sync_content"].get_task("sync").max_active_tis_per_dag == 1


def test_each_account_in_trouble_has_a_task_labelled_with_its_handle(dags: dict[str, Any]) -> None:
    import jinja2

    dag = dags["watch_tokens"]
    assert [task.task_id for task in dag.tasks if task.is_mapped] == ["alert"]
    alert = dag.get_task("alert")
    assert (alert.retries, alert.max_active_tis_per_dag) == (0, 1)
    assert alert.op_kwargs_expand_input.value["account"].operator.task_id == "check_tokens"
    account = {"account_id": "acc_1", "handle": "@nora"}
    unmapped = alert.unmap({"op_kwargs": {"account": account}})
    assert jinja2.Template(alert.map_index_template).render(task=unmapped) == "@nora"


def test_nothing_is_told_without_a_check_and_the_last_task_decides_how_the_run_counts(
    dags: dict[str, Any],
) -> None:
    dag = dags["watch_tokens"]
    assert {task.task_id: task.trigger_rule for task in dag.tasks} == {
        "check_tokens": "all_success",
        "alert": "all_success",
        "notify": "all_success",
        "tell": "all_done",
    }
    assert [task.task_id for task in dag.tasks if not task.downstream_task_ids] == ["tell"]


def test_each_asset_comes_from_one_unmapped_task(dags: dict[str, Any]) -> None:
    """A mapped task with an outlet would start a build for every shard."""
    from storykeep.airflow.assets import MARTS, RAW_CONTENT, RAW_ENTRIES, RAW_STORIES

    outlets = {
        (dag_id, task.task_id, outlet.name)
        for dag_id, dag in dags.items()
        for task in dag.tasks
        for outlet in task.outlets
    }
    assert outlets == {
        ("capture_stories", "landed", RAW_STORIES.name),
        ("refresh_account", "landed", RAW_STORIES.name),
        ("sync_content", "landed", RAW_CONTENT.name),
        ("load_entries", "landed", RAW_ENTRIES.name),
        ("load_entries", "approve", RAW_ENTRIES.name),
        ("build_marts", "publish", MARTS.name),
    }
    assert not any(dags[dag_id].get_task("landed").is_mapped for dag_id in ("capture_stories", "sync_content"))


def test_what_one_shard_landed_is_told_even_when_another_failed(dags: dict[str, Any]) -> None:
    rules = {task.task_id: task.trigger_rule for task in dags["capture_stories"].tasks}
    assert rules == {"capture": "all_success", "landed": "all_done", "archive_media": "all_done", "summary": "all_done"}
    rules = {task.task_id: task.trigger_rule for task in dags["sync_content"].tasks}
    assert rules == {"sync": "all_success", "landed": "all_done", "summary": "all_done"}
    assert {task.trigger_rule for task in dags["build_marts"].tasks} == {"all_success"}


def test_a_refresh_hands_on_the_handle_and_whether_anything_landed(dags: dict[str, Any]) -> None:
    dag = dags["refresh_account"]
    assert {task: dag.get_task(task).op_args for task in ("refresh", "judge")} == {
        "refresh": ("{{ params.handle }}",),
        "judge": ("{{ params.handle }}",),
    }
    ((counts,),) = dag.get_task("landed").op_args
    assert counts.operator.task_id == "refresh"


def test_retention_runs_on_the_days_without_a_rebuild_and_not_after_one_that_failed(dags: dict[str, Any]) -> None:
    assert dags["maintain_warehouse"].get_task("purge_unmatched").trigger_rule == "none_failed"
    assert dags["maintain_warehouse"].params["rebuild"] is False


def test_entries_are_landed_before_anybody_is_asked_and_rejects_are_told_last_whatever_came(
    dags: dict[str, Any],
) -> None:
    from storykeep.airflow.approval import ApproveNumbers

    dag = dags["load_entries"]
    assert {task.task_id: task.trigger_rule for task in dag.tasks} == {
        "land": "all_success",
        "landed": "all_success",
        "approve": "all_success",
        "report_rejects": "all_done",
    }
    approve = dag.get_task("approve")
    assert isinstance(approve, ApproveNumbers)
    assert (approve.options, approve.defaults, approve.multiple) == (["Approve", "Reject", "Later"], ["Later"], False)
    assert approve.execution_timeout is None  # it would end the wait
    # What was left empty in the form is an empty text, not the word None.
    optional = [f"{{{{ params.{name} or '' }}}}" for name in ("file", "kind", "author", "date_format")]
    assert dag.get_task("land").op_args == (*optional, "{{ params.time_zone }}")
    assert [argument.operator.task_id for argument in dag.get_task("report_rejects").op_args] == ["land"]


def test_a_deletion_that_was_asked_for_waits_for_no_proof_of_the_marts(dags: dict[str, Any]) -> None:
    assert dags["maintain_warehouse"].get_task("carry_out_deletions").trigger_rule == "all_done"


@each_file
def test_a_dag_file_is_wiring_only(path: Path) -> None:
    assert wiring.faults(path.read_text()) == []


@each_file
def test_every_task_calls_a_function_that_is_there_with_the_arguments_it_takes(
    path: Path, dags: dict[str, Any]
) -> None:
    from storykeep.airflow import tasks

    calls = wiring.calls(path.read_text())
    assert calls.keys() | OPERATORS.get(path.stem, set()) == dags[path.stem].task_dict.keys()
    for function, arguments in calls.values():
        inspect.signature(getattr(tasks, function)).bind(*range(arguments))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("return tasks.capture_shard(shard)", None),
        ("return open_connection(shard)", "work is not one call of its own arguments"),
        ("return tasks.capture_shard('select 1')", "work is not one call of its own arguments"),
        ("return tasks.first(shard) + tasks.second(shard)", "work is not one call of its own arguments"),
        ("import psycopg; return tasks.capture_shard(shard)", "imports psycopg"),
        ("return tasks.capture_shard(shard) if shard else None", "line 9: IfExp"),
    ],
)
def test_more_than_wiring_is_noticed(body: str, fault: str | None) -> None:
    found = wiring.faults(A_DAG.format(body=body))
    assert fault in found if fault else found == []
