"""The calls that tasks make, in this process and over a real warehouse."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.dags.airflow_library import airflow_library as airflow_library

from storykeep.local.postgres import uri
from storykeep.settings import Settings
from storykeep.warehouse import connect

RUN_ID = "scheduled__2026-11-05T12:00:00+00:00"


@pytest.fixture
def tasks(airflow_library: None, warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The calls that tasks make, within a run of the DAG with two shards."""
    from airflow.sdk.execution_time.context import set_current_context

    from storykeep.airflow import tasks

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri(warehouse.warehouse))
    monkeypatch.setenv("STORYKEEP_TOKEN_KEYS", warehouse.token_keys[0].get_secret_value())
    monkeypatch.setenv("STORYKEEP_SHARDS", "2")
    monkeypatch.setenv("STORYKEEP_WORK_DIR", str(warehouse.work_dir))
    with set_current_context({"run_id": RUN_ID}):  # type: ignore[typeddict-item]
        yield tasks


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_ingest") as connection:
        connection.autocommit = True
        yield connection
