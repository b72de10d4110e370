from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from storykeep.accounts.vault import Vault
from storykeep.graph import tokens
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .meta import CLIENTS, Meta


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


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> Meta:
    meta = Meta()
    for client in CLIENTS.values():
        monkeypatch.setattr(client, "answer", meta.answer)
    monkeypatch.setattr(tokens, "facts_of", meta.facts_of)
    monkeypatch.setattr(tokens, "exchange_facebook", meta.renew)
    monkeypatch.setattr(tokens, "refresh_instagram", meta.renew)
    return meta
