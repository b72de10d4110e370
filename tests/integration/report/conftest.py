"""Marts made by hand, with exactly the columns, types and keys of the dbt contracts."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from storykeep.settings import PostgresSettings, Settings
from storykeep.warehouse import connect

MODELS = Path(__file__).parents[3] / "dbt" / "models" / "marts"

Insert = Callable[..., None]


@pytest.fixture
def transform(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        yield conn


@pytest.fixture
def insert_mart(transform: psycopg.Connection) -> Insert:
    """Make all marts, empty; what is returned inserts a row into one, its required columns filled where not given."""
    contracts = _contracts()
    for name, columns in contracts.items():
        transform.execute(_create(name, columns))
    transform.commit()

    def insert(mart: str, **given: Any) -> None:
        row = {name: _filler(column) for name, column in contracts[mart].items() if _required(column)} | given
        statement = sql.SQL("insert into marts.{} ({}) values ({})").format(
            sql.Identifier(mart),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        )
        transform.execute(statement, list(row.values()))
        transform.commit()

    return insert


@pytest.fixture
def bi(warehouse: Settings, transform: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The login that BI tools use: it reads marts and nothing else."""
    at = warehouse.warehouse
    assert warehouse.bi_password is not None
    with connect(PostgresSettings(at.host, at.port, "storykeep_bi", warehouse.bi_password, at.database)) as conn:
        yield conn


def _contracts() -> dict[str, dict[str, Mapping[str, Any]]]:
    documents = [yaml.safe_load(path.read_text()) for path in MODELS.rglob("*.yml")]
    models = [model for document in documents for model in document.get("models", [])]
    return {model["name"]: {column["name"]: column for column in model["columns"]} for model in models}


def _create(name: str, columns: Mapping[str, Mapping[str, Any]]) -> sql.Composed:
    parts = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(column["name"]),
            sql.SQL(column["data_type"]),
            sql.SQL("not null" if _required(column) else ""),
        )
        for column in columns.values()
    ]
    return sql.SQL("create table marts.{} ({})").format(sql.Identifier(name), sql.SQL(", ").join(parts))


def _required(column: Mapping[str, Any]) -> bool:
    return {"type": "not_null"} in column.get("constraints", [])


def _filler(column: Mapping[str, Any]) -> Any:
    kind = column["data_type"]
    if kind == "boolean":
        return False
    if kind.startswith(("timestamp", "date")):
        return "2026-11-20T00:00:00Z"
    return "x" if kind == "text" else 0
