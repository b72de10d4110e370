"""How the local Airflow is configured; whether it runs is for the end-to-end test."""

import base64
import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from storykeep.local.airflow import LocalAirflow
from storykeep.settings import PostgresSettings

METADATA = PostgresSettings("127.0.0.1", 5444, "airflow", SecretStr("p@ss/word"), "airflow")


@pytest.fixture
def airflow(tmp_path: Path) -> LocalAirflow:
    return LocalAirflow(tmp_path / "airflow", METADATA, {"STORYKEEP_TICK_SECONDS": "30"})


def test_what_the_shell_says_of_airflow_and_storykeep_is_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://somewhere/else")
    monkeypatch.setenv("STORYKEEP_SHARDS", "9")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environ = LocalAirflow(tmp_path, METADATA, {"STORYKEEP_TICK_SECONDS": "30"}).environ
    assert environ["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environ["STORYKEEP_TICK_SECONDS"] == "30"
    assert environ["LANG"] == "C.UTF-8"
    assert not {"AIRFLOW_CONN_WAREHOUSE", "STORYKEEP_SHARDS"} & environ.keys()


def test_the_metadata_is_reached_whatever_the_password_holds(airflow: LocalAirflow) -> None:
    url = "postgresql+psycopg2://airflow:p%40ss%2Fword@127.0.0.1:5444/airflow"
    assert airflow.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == url


def test_everything_stays_on_this_machine(airflow: LocalAirflow) -> None:
    environ = airflow.environ
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert airflow.url == f"http://127.0.0.1:{environ['AIRFLOW__API__PORT']}" == environ["AIRFLOW__API__BASE_URL"]
    assert environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"{airflow.url}/execution/"
    assert environ["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


def test_keys_are_real_kept_and_not_the_same(tmp_path: Path) -> None:
    names = ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET")
    first, second = ([LocalAirflow(tmp_path, METADATA, {}).environ[f"AIRFLOW__{n}"] for n in names] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
    assert len(base64.urlsafe_b64decode(first[0])) == 32
    assert len(first[2]) == 64


def test_the_login_is_generated_and_only_the_owner_can_read_it(airflow: LocalAirflow) -> None:
    airflow._prepare_folder()
    passwords = Path(airflow.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(passwords.read_text()) == dict([airflow.login])
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    assert stat.S_IMODE(airflow.folder.stat().st_mode) == 0o700
    assert airflow.environ["AIRFLOW__API__EXPOSE_CONFIG"] == "False"
