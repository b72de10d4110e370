"""Airflow as a library, with a store of connections that tests can fill."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.dags.airflow_library import airflow_library as airflow_library


@pytest.fixture(autouse=True)
def _airflow(airflow_library: None) -> None:
    """Every test here needs Airflow, imported with care."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts connections where Airflow looks after the environment: a secrets backend."""
    from tests.unit.airflow.secrets_backend import Store

    def store(**connections: dict[str, Any]) -> None:
        monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", f"{Store.__module__}.{Store.__qualname__}")
        monkeypatch.setattr(Store, "connections", {name: json.dumps(parts) for name, parts in connections.items()})

    return store
