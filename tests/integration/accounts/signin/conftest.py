"""A sandbox whose dialogs people come to, and a warehouse that nobody is connected in yet."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests
from pydantic import SecretStr

from storykeep.accounts.registry import capturable, import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.signin.attempts import Invitation
from storykeep.accounts.signin.flow import Arrival, Connected, Started, arrive, connect_chosen, start
from storykeep.accounts.vault import Vault
from storykeep.graph.client import GraphClient
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Connection, Flavour, Settings

START = datetime(2026, 11, 1, tzinfo=UTC)
PRESENT = START + timedelta(days=14)
BACK = "https://storykeep.test/back"


class Scene:
    """Creators of the sandbox and their browsers; `people` are rows of its accounts file, a good one first."""

    def __init__(self, running: Running, conn: psycopg.Connection, warehouse: Settings) -> None:
        self.running, self.conn = running, conn
        self.vault = Vault(warehouse.token_keys)
        self.now = PRESENT
        for what in ("faults", "grants", "switches", "dialog", "log"):
            self.control("DELETE", what)
        self.control("POST", "clock", {"now": PRESENT.isoformat(), "speed": 0})
        rows = csv.DictReader(io.StringIO(self.control("GET", "accounts.csv").text))
        self.people = list(rows)[10:]  # the first ten of a world have the troubles
        apps = {
            f"graph_{flavour}": Connection(
                host=getattr(running, flavour),
                login=running.app[flavour].id,
                password=SecretStr(running.app[flavour].secret),
            )
            for flavour in FLAVOURS
        }
        self.settings = replace(warehouse, connections={**warehouse.connections, **apps})
        self.clients: dict[Flavour, GraphClient] = {
            flavour: GraphClient(self.settings.graph(flavour), sleep=lambda _: None) for flavour in FLAVOURS
        }

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        reply = requests.request(method, f"{self.running.cdn}/_sandbox/{path}", json=body, timeout=10)
        assert reply.ok, reply.text
        return reply

    def person(self, flavour: Flavour, number: int = 0) -> dict[str, str]:
        return [row for row in self.people if row["login_flavour"] == flavour][number]

    def known(self, person: dict[str, str], **instead: str) -> None:
        """Register an account without a token."""
        row = {name: "" for name in COLUMNS} | {
            name: person[name] for name in ("login_flavour", "ig_user_id", "username")
        }
        text = [",".join(COLUMNS), ",".join((row | instead)[name] for name in COLUMNS)]
        assert import_accounts(self.conn, self.vault, "\n".join(text), START).faults == ()

    def invite(self, flavour: Flavour, username: str | None = None, **more: Any) -> Started:
        invitation = Invitation(flavour, BACK, username, **more)
        return start(self.conn, self.settings.graph(flavour), invitation, self.now)

    def browse(self, url: str, person: dict[str, str] | None = None, **answer: Any) -> str:
        """Open the dialog as somebody, and return where the browser ends."""
        if person is not None or answer:
            told = {"ig_user_id": person["ig_user_id"]} if person else {}
            self.control("POST", "dialog", told | answer)
        reply = requests.get(url, allow_redirects=False, timeout=10)
        assert reply.status_code == 302, reply.text
        return reply.headers["Location"]

    def arrive(self, address: str, expected: int | None = None) -> Arrival:
        return arrive(self.conn, self.clients, address, self.now, expected=expected)

    def sign_in(self, person: dict[str, str], invited: str | None = None, **more: Any) -> Arrival:
        """From the invitation to the arrival."""
        flavour: Flavour = "facebook" if person["login_flavour"] == "facebook" else "instagram"
        started = self.invite(flavour, invited, **more)
        return self.arrive(self.browse(started.url, person), started.sign_in_id)

    def connect(self, arrival: Arrival, *ig_user_ids: str, confirmed: bool = False) -> list[Connected]:
        return connect_chosen(self.conn, self.vault, arrival, ig_user_ids, self.now, confirmed=confirmed)

    def says(self, person: dict[str, str], endpoint: str, body: Any) -> dict[str, Any]:
        """A fault: what the API answers to this person's token, whatever the truth is."""
        return {"kind": "body", "ig_user_id": person["ig_user_id"], "endpoint": endpoint, "body": json.dumps(body)}

    def page(self, person: dict[str, str], page_id: str = "2101", **more: Any) -> dict[str, Any]:
        link = {"id": person["ig_user_id"], "username": person["username"]}
        page = {"id": page_id, "name": f"Page {page_id}", "access_token": "EAApage", "tasks": ["ANALYZE"]}
        return page | {"instagram_business_account": link} | more

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        (row,) = self.all(query, *values)
        return row[0] if len(row) == 1 else row

    def tokens(self) -> dict[str, str]:
        """What capture would ask with."""
        connections, unreadable = capturable(self.conn, self.vault, shard=0, shards=1)
        assert unreadable == []
        return {one.username: one.token.get_secret_value() for one in connections}


@pytest.fixture(scope="package")
def running() -> Iterator[Running]:
    with sandbox(accounts=24, seed=5, start=START, history_days=14) as started:
        yield started


@pytest.fixture
def scene(running: Running, conn: psycopg.Connection, warehouse: Settings) -> Scene:
    return Scene(running, conn, warehouse)
