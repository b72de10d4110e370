"""What the deployment's init service does first, on a real server."""

from dataclasses import replace

import psycopg
import pytest
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.local import airflow_database
from storykeep.local.airflow_database import VARIABLE, airflow_login
from storykeep.local.postgres import EmbeddedPostgres, uri

pytestmark = pytest.mark.integration


def test_makes_the_login_and_the_database_and_takes_on_a_new_password(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = replace(postgres.airflow, user="metadata", database="metadata", password=SecretStr("first"))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_ADMIN", uri(replace(postgres.superuser, database="warehouse")))
    for password in ("first", "second", "second"):
        login = replace(login, password=SecretStr(password))
        monkeypatch.setenv(VARIABLE, uri(login, "postgresql+psycopg2"))
        assert airflow_database.main() == 0
        with psycopg.connect(uri(login)) as conn:
            conn.execute("create table if not exists log ()")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(uri(replace(postgres.warehouse, database="metadata")))


def test_says_what_is_wrong_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_ADMIN", "postgres://postgres:s3cret@127.0.0.1:1/warehouse")
    monkeypatch.setenv(VARIABLE, "postgresql+psycopg2://airflow:s3cret@127.0.0.1:1/airflow")
    assert airflow_database.main() == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "127.0.0.1:1" in message and "s3cret" not in message


@pytest.mark.parametrize(
    "address", ["", "nonsense", "sqlite:///airflow.db", "postgresql://host/airflow", "postgresql://u:p@host"]
)
def test_an_address_that_is_not_a_postgres_database_is_refused(address: str) -> None:
    with pytest.raises(StorykeepError, match=f"{VARIABLE}: is not the address"):
        airflow_login({VARIABLE: address})
