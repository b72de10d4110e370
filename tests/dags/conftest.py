"""The DAGs of dags/, parsed by Airflow itself."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.dags.airflow_library import airflow_library as airflow_library

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

FOLDER = Path(__file__).parents[2] / "dags"


@pytest.fixture(scope="session")
def parse(airflow_library: None) -> "Callable[..., DagBag]":
    """Parses dags/ anew, as the dag-processor does, in an environment that holds only the given settings."""
    from airflow.dag_processing.dagbag import DagBag

    def parse(**settings: str) -> DagBag:
        with pytest.MonkeyPatch.context() as environ:
            for name in [name for name in os.environ if name.startswith(("STORYKEEP_", "AIRFLOW_"))]:
                environ.delenv(name)
            for name, value in settings.items():
                environ.setenv(name, value)
            return DagBag(FOLDER)

    return parse


@pytest.fixture(scope="session")
def bag(parse: "Callable[..., DagBag]") -> "DagBag":
    """The DAGs with default settings."""
    return parse()


@pytest.fixture(scope="session")
def dags(bag: "DagBag") -> dict[str, Any]:
    """The DAGs by id."""
    return bag.dags
