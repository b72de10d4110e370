"""Airflow as a library in this process: nothing of the user's own Airflow is read or written."""

import os

import pytest


@pytest.fixture(scope="session")
def airflow_library(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Imports Airflow with its home in a temporary folder, without metadata and without touching the log's set-up.

    Its home and its configuration are read at import, so the environment is put right only for as long as that takes:
    a process that another test starts shall not inherit it.
    """
    with pytest.MonkeyPatch.context() as environ:
        for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
            environ.delenv(name)
        environ.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        environ.setenv("_AIRFLOW__AS_LIBRARY", "1")
        import airflow.dag_processing.dagbag
        import airflow.sdk  # noqa: F401 (what the tests use later)
