from collections.abc import Iterator

import psycopg
import pytest

from storykeep.settings import Settings
from storykeep.warehouse import connect


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """A connection as capture has it: in autocommit mode, so that each transaction is said."""
    with connect(warehouse.warehouse, "storykeep_ingest") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def other(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """A second one, as another shard has it."""
    with connect(warehouse.warehouse, "storykeep_ingest") as connection:
        connection.autocommit = True
        yield connection
