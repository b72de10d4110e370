"""Logins of brands, gone again when the test has ended: roles belong to the whole server, not to a database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from storykeep.access.logins import grant
from storykeep.clock import system_clock
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import Settings
from storykeep.warehouse import connect

PASSWORD = SecretStr("the-password-of-a-brand")

LogIn = Callable[..., psycopg.Connection]


@pytest.fixture
def no_logins_left(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Drops every login of a brand that came meanwhile; those of other tests stay."""
    with connect(postgres.superuser) as conn:
        before = logins(conn)
    yield
    with connect(postgres.superuser) as conn:
        for login in logins(conn) - before:
            conn.execute(sql.SQL("drop role {}").format(sql.SQL(login)))


def logins(conn: psycopg.Connection) -> set[str]:
    """Every login of a brand that the server has, as SQL writes it."""
    brands = "roleid = 'storykeep_brand'::regrole and not admin_option"
    found = conn.execute(f"select member::regrole::text from pg_auth_members where {brands}")  # noqa: S608 (a constant)
    return {login for (login,) in found}


@pytest.fixture
def log_in(warehouse: Settings, no_logins_left: None) -> Iterator[LogIn]:
    """Opens a connection of a login, which is granted these brands."""
    with ExitStack() as opened:

        def enter(login: str, *brands: str) -> psycopg.Connection:
            for brand in brands:
                grant(warehouse, brand, login, "test", system_clock, PASSWORD)
            conn = connect(replace(warehouse.warehouse, user=login, password=PASSWORD))
            conn.autocommit = True
            return opened.enter_context(conn)

        yield enter


@pytest.fixture
def bi(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """The login that sees all."""
    assert warehouse.bi_password is not None
    with connect(replace(warehouse.warehouse, user="storykeep_bi", password=warehouse.bi_password)) as conn:
        conn.autocommit = True
        yield conn
