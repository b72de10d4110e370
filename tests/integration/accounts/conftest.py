from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from storykeep.accounts.vault import Vault
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import Settings
from storykeep.warehouse import connect


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_ingest") as connection:
        yield connection


@pytest.fixture
def vault(warehouse: Settings) -> Vault:
    return Vault(warehouse.token_keys)


@pytest.fixture
def superuser(postgres: EmbeddedPostgres, warehouse: Settings) -> Iterator[psycopg.Connection]:
    """Sees every table of the warehouse, whatever the roles may."""
    with connect(replace(postgres.superuser, database=warehouse.warehouse.database)) as connection:
        yield connection
