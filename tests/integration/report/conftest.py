"""Marts made by hand, and the login that reads them."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.contracts import Insert, make_marts

from storykeep.settings import PostgresSettings, Settings
from storykeep.warehouse import connect


@pytest.fixture
def transform(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        yield conn


@pytest.fixture
def insert_mart(transform: psycopg.Connection) -> Insert:
    """Make all marts, empty; what is returned inserts a row into one."""
    return make_marts(transform)


@pytest.fixture
def bi(warehouse: Settings, transform: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The login that BI tools use: it reads marts and nothing else."""
    at = warehouse.warehouse
    assert warehouse.bi_password is not None
    with connect(PostgresSettings(at.host, at.port, "storykeep_bi", warehouse.bi_password, at.database)) as conn:
        yield conn
