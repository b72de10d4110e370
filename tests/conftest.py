"""Shared fixtures: a real Postgres for the session, and a freshly migrated warehouse in it for each test.

Sockets are closed to everything but this machine (see pyproject.toml). A run whose output shows a secret fails.
"""

import os
import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from pydantic import SecretStr

from storykeep.local.postgres import EmbeddedPostgres
from storykeep.migrations.upgrade import upgrade
from storykeep.settings import Connection, PostgresSettings, Settings
from storykeep.warehouse import connect

TEMPLATE = "warehouse"
# A token of the sandbox's, the token of one of its apps, and the secrets of the apps that tests make up.
SECRET = re.compile(r"(EAA|IGAA)sbx[up][0-9a-f]{46}|\b\d{15}\|[0-9a-f]{32}\b|canary-app-secret|wrong-canary-secret")
SPILLED = pytest.StashKey[set[str]]()
# How long an example takes is a matter of what else the machine does.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SPILLED] = set()
    config.pluginmanager.register(SpillWatch(config.stash[SPILLED]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash[SPILLED]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in sorted(config.stash[SPILLED]):
        terminalreporter.write_line(f"SECRET in the captured output of {name}", red=True)


class SpillWatch:
    """Notes which tests logged or printed a secret."""

    def __init__(self, spilled: set[str]) -> None:
        self._spilled = spilled

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(SECRET.search(text) for _, text in report.sections):
            self._spilled.add(report.nodeid)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of the shell that it was started from."""
    for name in os.environ:
        if name.startswith(("STORYKEEP_", "AIRFLOW_CONN_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The embedded Postgres, without crash safety, for the whole session."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def new_warehouse(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Settings]:
    """Makes one more migrated, empty warehouse database at each call: a copy of one that was migrated once.

    Roles belong to the whole server: `storykeep_bi` and the others are shared by all copies.
    """
    numbers = count(1)
    upgrade(_settings(postgres, TEMPLATE, tmp_path_factory.mktemp("warehouse")))

    def make() -> Settings:
        name = f"{TEMPLATE}_{next(numbers)}"
        _copy_database(postgres.superuser, name)
        return _settings(postgres, name, tmp_path_factory.mktemp(name))

    return make


@pytest.fixture
def warehouse(new_warehouse: Callable[[], Settings], postgres: EmbeddedPostgres) -> Iterator[Settings]:
    """Settings of a migrated, empty warehouse that only this test has."""
    settings = new_warehouse()
    yield settings
    with connect(postgres.superuser) as conn:
        conn.autocommit = True
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(settings.warehouse.database)))


def _settings(postgres: EmbeddedPostgres, database: str, folder: Path) -> Settings:
    return Settings(
        connections={
            "warehouse": _connection(postgres.warehouse, database),
            "warehouse_admin": _connection(postgres.warehouse_admin, database),
        },
        token_keys=(SecretStr(Fernet.generate_key().decode()),),
        bi_password=SecretStr("bi-password-of-the-tests"),
        media_root=str(folder / "media"),
        work_dir=folder,
    )


def _connection(login: PostgresSettings, database: str) -> Connection:
    return Connection(host=login.host, port=login.port, login=login.user, password=login.password, schema=database)


def _copy_database(superuser: PostgresSettings, name: str) -> None:
    with connect(superuser) as conn:
        conn.autocommit = True
        conn.execute(
            sql.SQL("create database {} template {} owner warehouse_admin").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        # A copy has everything of its template but the rights on the database itself.
        conn.execute(
            "update pg_database set datacl = (select datacl from pg_database where datname = %s) where datname = %s",
            [TEMPLATE, name],
        )
