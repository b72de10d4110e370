"""Killing the token watch (-9) between any two steps of a renewal, or a rotation, loses no token."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts.registry import capturable, import_accounts
from storykeep.accounts.rotation import rotate
from storykeep.accounts.vault import Vault
from storykeep.graph import tokens
from storykeep.graph.client import open_clients
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Flavour, Settings
from storykeep.warehouse import connect

from .conftest import START, Scene, wired
from .crashing import crash_at, rotation, watch

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pair() -> Iterator[Running]:
    """One account of each flavour."""
    with sandbox(accounts=2, seed=5, start=START) as running:
        yield running


class Renewal:
    """An account whose token is to be renewed, as often as a test wants it to."""

    def __init__(self, scene: Scene, owner: psycopg.Connection, flavour: Flavour) -> None:
        self.scene, self._owner = scene, owner
        rows = list(csv.DictReader(io.StringIO(scene.control("GET", "accounts.csv"))))
        (self._row,) = (row for row in rows if row["login_flavour"] == flavour)
        self.at = datetime.fromisoformat(self._row["token_expires_at"]) - timedelta(days=5)
        scene.control("POST", "clock", {"now": self.at.isoformat(), "speed": 0})

    def begin_again(self) -> None:
        self._owner.execute("truncate app.accounts cascade")
        self.scene.control("DELETE", "grants")
        self.scene.control("DELETE", "log")
        text = io.StringIO()
        writer = csv.DictWriter(text, self._row.keys())
        writer.writeheader()
        writer.writerow(self._row)
        import_accounts(self.scene.conn, Vault(self.scene.settings.token_keys), text.getvalue(), START)

    def inspected(self) -> tokens.TokenFacts:
        """What the API says of the token that capture would use."""
        (one,), _ = capturable(self.scene.conn, Vault(self.scene.settings.token_keys), shard=0, shards=1)
        return tokens.inspect(open_clients(self.scene.settings)[one.login_flavour], one.token)

    def kept(self) -> dict[str, Any]:
        columns = ("token_version", "token_expires_at", "status", "previous_token_encrypted is null")
        (row,) = self.scene.all(f"select {', '.join(columns)} from app.connections")  # noqa: S608 (fixed names)
        return dict(zip(columns, row, strict=True))

    def renewals(self) -> int:
        """How many tokens the API has given out."""
        calls = self.scene.control("GET", "log")["calls"]
        return sum(row["requests"] for row in calls if row["endpoint"] in ("exchange", "refresh"))


@pytest.fixture(params=FLAVOURS)
def renewal(
    request: pytest.FixtureRequest, pair: Running, warehouse: Settings, postgres: EmbeddedPostgres
) -> Iterator[Renewal]:
    settings = wired(warehouse, pair)
    superuser = replace(postgres.superuser, database=settings.warehouse.database)
    with connect(settings.warehouse, "storykeep_ingest") as conn, connect(superuser) as owner:
        conn.autocommit = owner.autocommit = True
        yield Renewal(Scene(pair, settings, conn, superuser), owner, request.param)


def test_a_watch_that_dies_at_any_step_leaves_a_token_that_works_and_the_next_one_goes_on(renewal: Renewal) -> None:
    scene, at = renewal.scene, renewal.at
    renewal.begin_again()
    watch(scene.conn, scene.settings, at)
    undisturbed = renewal.kept()
    assert (undisturbed["token_version"], undisturbed["status"], renewal.renewals()) == (2, "connected", 1)
    assert undisturbed["token_expires_at"] > at + timedelta(days=59)
    assert undisturbed["previous_token_encrypted is null"]
    step, came_through = 0, set[int]()
    renewal.begin_again()
    while crash_at(step, scene.settings, at, watch):
        assert renewal.inspected().is_valid, f"after a crash at step {step}"
        version = renewal.kept()["token_version"]
        given = renewal.renewals()
        watch(scene.conn, scene.settings, at)
        assert renewal.kept() == undisturbed, f"after a crash at step {step}"
        assert renewal.renewals() == given + (version == 1), f"after a crash at step {step}"
        came_through.add(version)
        renewal.begin_again()
        step += 1
    assert came_through == {1, 2}
    assert step > 10


def test_a_rotation_that_dies_at_any_step_leaves_tokens_that_open_and_the_next_one_goes_on(renewal: Renewal) -> None:
    scene = renewal.scene
    new = SecretStr(Fernet.generate_key().decode())
    scene.settings = replace(scene.settings, token_keys=(*scene.settings.token_keys, new))
    step = 0
    renewal.begin_again()
    rotating = replace(scene.settings, token_keys=scene.settings.token_keys[::-1])
    while crash_at(step, rotating, renewal.at, rotation):
        assert renewal.inspected().is_valid, f"after a crash at step {step}"
        rotate(scene.conn, Vault(rotating.token_keys))
        assert capturable(scene.conn, Vault([new]), shard=0, shards=1)[1] == [], f"after a crash at step {step}"
        renewal.begin_again()
        step += 1
    assert step > 4
