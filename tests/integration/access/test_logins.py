"""`storykeep brands`: who may log in, and with which password."""

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from pydantic import SecretStr
from tests.dbt.world import at, insert
from typer.testing import CliRunner

from storykeep.access.logins import grant, list_access, revoke
from storykeep.cli import app
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.settings import Settings
from storykeep.warehouse import WarehouseAwayError, connect

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_logins_left")]

CLOCK = fixed_clock(at(12, 9))
LATER = fixed_clock(at(13, 9))


@pytest.fixture
def settings(warehouse: Settings) -> Settings:
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        for brand in ("aurora", "lumen"):
            insert(conn, "app.brands", brand_id=brand, name=brand.title(), time_zone="Europe/Berlin", currency="EUR")
    return warehouse


def enters(settings: Settings, login: str, password: SecretStr) -> bool:
    try:
        with connect(replace(settings.warehouse, user=login, password=password)) as conn:
            return conn.execute("select session_user::text").fetchone() == (login,)
    except WarehouseAwayError:
        return False


def seen(settings: Settings) -> list[tuple[str, str, bool]]:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return [(access.login, access.brand_id, access.can_log_in) for access in list_access(conn)]


def test_a_new_login_gets_a_password_that_nothing_else_knows(settings: Settings) -> None:
    made_up = grant(settings, "aurora", "ida", "eva", CLOCK)
    assert made_up is not None
    assert enters(settings, "ida", made_up)
    assert not enters(settings, "ida", SecretStr("another"))
    with connect(settings.warehouse, "storykeep_owner") as conn:
        rows = conn.execute("select * from app.brand_access").fetchall()
    assert rows == [("ida", "aurora", at(12, 9), "eva", None, None)]
    # A second grant leaves the password, and the first row, as they are.
    assert grant(settings, "lumen", "ida", "eva", LATER) is None
    assert grant(settings, "aurora", "ida", "eva", LATER) is None
    assert enters(settings, "ida", made_up)
    assert seen(settings) == [("ida", "aurora", True), ("ida", "lumen", True)]


def test_a_password_that_is_told_becomes_its_password(settings: Settings) -> None:
    made_up = grant(settings, "aurora", "ida", "eva", CLOCK)
    assert made_up is not None
    assert grant(settings, "aurora", "ida", "eva", CLOCK, SecretStr("told")) is None
    assert enters(settings, "ida", SecretStr("told"))
    assert not enters(settings, "ida", made_up)


def test_without_its_last_brand_a_login_cannot_log_in_and_the_history_stays(settings: Settings) -> None:
    password = SecretStr("told")
    for brand in ("aurora", "lumen"):
        grant(settings, brand, "ida", "eva", CLOCK, password)
    assert revoke(settings, "aurora", "ida", "tom", LATER)
    assert enters(settings, "ida", password)
    assert not revoke(settings, "lumen", "ida", "tom", LATER)
    assert not enters(settings, "ida", password)
    assert seen(settings) == []
    with pytest.raises(StorykeepError, match="ida does not see the brand 'lumen'"):
        revoke(settings, "lumen", "ida", "tom", LATER)
    # Who comes back is given a new password.
    made_up = grant(settings, "lumen", "ida", "eva", LATER)
    assert made_up is not None
    assert enters(settings, "ida", made_up)
    with connect(settings.warehouse, "storykeep_owner") as conn:
        history = conn.execute("select brand_id, revoked_by from app.brand_access order by granted_at, brand_id")
        assert history.fetchall() == [("aurora", "tom"), ("lumen", "tom"), ("lumen", None)]


@pytest.mark.parametrize("login", ["storykeep_bi", "warehouse", "warehouse_admin", "storykeep_transform"])
def test_a_login_that_sees_more_is_refused(settings: Settings, login: str) -> None:
    with pytest.raises(StorykeepError, match="not as the login of a brand"):
        grant(settings, "aurora", login, "eva", CLOCK)


def test_a_brands_login_that_was_given_more_since_is_refused(settings: Settings) -> None:
    grant(settings, "aurora", "ida", "eva", CLOCK)
    with connect(settings.warehouse_admin) as conn:
        conn.execute("grant storykeep_bi to ida")
    with pytest.raises(StorykeepError, match="not as the login of a brand"):
        grant(settings, "lumen", "ida", "eva", CLOCK)


@pytest.mark.parametrize("login", ["", "two\nlines", "ü" * 32])
def test_a_name_that_postgres_would_not_keep_is_refused(settings: Settings, login: str) -> None:
    with pytest.raises(StorykeepError, match="is no name for a login"):
        grant(settings, "aurora", login, "eva", CLOCK)


def test_a_brand_that_is_not_there_is_named_and_no_login_made(settings: Settings) -> None:
    with pytest.raises(StorykeepError, match=r"no brand 'nobody'.*aurora, lumen"):
        grant(settings, "nobody", "ida", "eva", CLOCK)
    with connect(settings.warehouse) as conn:
        assert conn.execute("select from pg_roles where rolname = 'ida'").rowcount == 0


def test_a_login_that_may_make_no_roles_is_told_so(settings: Settings) -> None:
    connections = {name: at for name, at in settings.connections.items() if name != "warehouse_admin"}
    with pytest.raises(StorykeepError, match="AIRFLOW_CONN_WAREHOUSE_ADMIN"):
        grant(replace(settings, connections=connections), "aurora", "ida", "eva", CLOCK)


def test_no_runtime_role_gives_itself_a_brand(settings: Settings) -> None:
    for role in ("storykeep_ingest", "storykeep_transform"):
        with connect(settings.warehouse) as conn:
            conn.execute(f"set role {role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("insert into app.brand_access values ('x', 'aurora', now(), 'x')")


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setattr(Settings, "from_env", lambda: settings)

    def call(*arguments: str, told: str = "") -> str:
        outcome = CliRunner().invoke(app, ["brands", *arguments], input=told)
        assert outcome.exception is None, outcome.output
        return outcome.output

    return call


def test_the_console_prints_a_password_once_and_takes_one_from_stdin(
    settings: Settings, run: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    lines = run("grant", "aurora", "--login", "ida", "--by", "eva").splitlines()
    assert lines[0] == "ida sees the brand aurora"
    assert enters(settings, "ida", SecretStr(lines[-1]))
    assert run("grant", "lumen", "--login", "ida").splitlines() == ["ida sees the brand lumen"]
    run("grant", "lumen", "--login", "ida", "--password-stdin", told="from stdin\n")
    assert enters(settings, "ida", SecretStr("from stdin"))
    assert "eva" in run("list")
    assert run("revoke", "lumen", "--login", "ida") == "ida sees the brand lumen no more\n"
    assert "cannot log in" in run("revoke", "aurora", "--login", "ida")
    assert lines[-1] not in caplog.text
    assert "from stdin" not in caplog.text
