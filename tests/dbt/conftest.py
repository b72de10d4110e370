"""The small world, built once: a start of dbt and of Great Expectations costs many seconds."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr
from tests.dbt.content import fill_content
from tests.dbt.world import AS_OF, fill

from storykeep.access.logins import grant
from storykeep.clock import system_clock
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import PostgresSettings, Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

Query = Callable[[str], list[dict[str, object]]]


@pytest.fixture(scope="session")
def built(new_warehouse: Callable[[], Settings]) -> Settings:
    """A warehouse with the small world in it, built and published."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        # Only the owner may make up rows of app at will.
        conn.execute("set role storykeep_owner")
        fill(conn)
        fill_content(conn)
        conn.commit()
    build_marts(settings, AS_OF)
    return settings


@pytest.fixture(scope="session")
def bi_login(built: Settings) -> PostgresSettings:
    """What a BI tool logs in with."""
    assert built.bi_password is not None
    return replace(built.warehouse, user="storykeep_bi", password=built.bi_password)


@pytest.fixture
def bi(bi_login: PostgresSettings) -> Iterator[psycopg.Connection]:
    """A connection as storykeep_bi."""
    with connect(bi_login) as conn:
        conn.autocommit = True
        yield conn


@pytest.fixture(scope="session")
def brand_login(built: Settings, postgres: EmbeddedPostgres) -> Iterator[PostgresSettings]:
    """What the brand Lumen logs in with."""
    login = replace(built.warehouse, user="lumen_reader", password=SecretStr("password-of-lumen"))
    grant(built, "b1", login.user, "test", system_clock, login.password)
    yield login
    with connect(postgres.superuser) as conn:
        conn.execute("drop role lumen_reader")


@pytest.fixture
def brand(brand_login: PostgresSettings) -> Iterator[psycopg.Connection]:
    """A connection of the brand Lumen."""
    with connect(brand_login) as conn:
        conn.autocommit = True
        yield conn


@pytest.fixture
def query(bi: psycopg.Connection) -> Query:
    """Asks the marts as BI does."""

    def ask(statement: str) -> list[dict[str, object]]:
        with bi.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement).fetchall()

    return ask
