"""A warehouse whose accounts live in a sandbox with a frozen clock."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests
from pydantic import SecretStr

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.capture.replay import run_tick
from storykeep.clock import fixed_clock
from storykeep.graph.client import Answer, Ask, GraphClient, open_clients
from storykeep.landing.runs import Run
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Connection, Flavour, GraphSettings, PostgresSettings, Settings
from storykeep.warehouse import connect

START = datetime(2026, 11, 1, tzinfo=UTC)
EVENING = datetime(2026, 11, 5, 20, 0, tzinfo=UTC)


class Changing(GraphClient):
    """A client of an API that says something else than the sandbox does: what it answers is changed."""

    def __init__(self, api: GraphSettings, change: Callable[[Answer], Answer]) -> None:
        super().__init__(api)
        self._change = change

    def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        for answers in super().answer(asks):
            yield [self._change(answer) for answer in answers]


@dataclass
class Scene:
    """The sandbox, the warehouse, and the time that both believe in; `change` is put upon every answer."""

    running: Running
    settings: Settings
    conn: psycopg.Connection
    owner: PostgresSettings
    now: datetime = EVENING
    change: Callable[[Answer], Answer] | None = None

    def superuser(self) -> psycopg.Connection:
        """A connection that may do what no runtime role may."""
        return connect(self.owner)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        reply = requests.request(method, f"{self.running.facebook}/_sandbox/{path}", json=body, timeout=10)
        reply.raise_for_status()
        return reply.json() if reply.headers.get("content-type", "").startswith("application/json") else reply.text

    def tick(self, after: timedelta = timedelta(0)) -> Run:
        """One tick, `after` the last one."""
        self.now += after
        self.control("POST", "clock", {"now": self.now.isoformat()})
        return run_tick(self.conn, self.settings, self.clients(), fixed_clock(self.now))

    def clients(self) -> dict[Flavour, GraphClient]:
        clients = open_clients(self.settings)
        if self.change is None:
            return clients
        return {flavour: Changing(client.api, self.change) for flavour, client in clients.items()}

    def truth(self) -> dict[str, dict[str, Any]]:
        stories = self.control("GET", f"truth?at={self.now:%Y-%m-%dT%H:%M:%SZ}")["stories"]
        return {story["story_id"]: story for story in stories}

    def live(self) -> dict[str, dict[str, Any]]:
        """The stories that the API shows now of accounts whose token is good."""
        return {
            story_id: story
            for story_id, story in self.truth().items()
            if datetime.fromisoformat(story["expires_at"]) > self.now and story["cause"] != "not_tracked"
        }

    def fault(self, kind: str, *victims: str, **scope: Any) -> None:
        """One kind of fault, for the victims (IG user ids) or for everybody."""
        whose: list[dict[str, Any]] = [{"ig_user_id": victim} for victim in victims] or [{}]
        self.control("POST", "faults", [{"kind": kind, **scope, **who} for who in whose])

    def calls(self, endpoint: str = "") -> dict[str, int]:
        """How many requests and batch items the API has counted since the log was cleared, by IG user id."""
        found: Counter[str] = Counter()
        for row in self.control("GET", "log")["calls"]:
            if row["ig_user_id"] and row["endpoint"] == (endpoint or row["endpoint"]) != "cdn":
                found[row["ig_user_id"]] += row["requests"] + row["batch_items"]
        return dict(found)

    def with_stories(self, flavour: str) -> list[str]:
        """The IG user ids of the accounts of a flavour that have live stories, a good token and all permissions."""
        good = [story for story in self.live().values() if story["cause"] in (None, "withheld")]
        lost = {story["ig_user_id"] for story in self.live().values() if story["cause"] == "permission"}
        return sorted({story["ig_user_id"] for story in good if story["login_flavour"] == flavour} - lost)

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        (row,) = self.all(query, *values)
        return row[0]


def wired(settings: Settings, running: Running) -> Settings:
    """The settings with the sandbox's apps in them."""
    apps = {
        f"graph_{flavour}": Connection(
            host=getattr(running, flavour),
            login=running.app[flavour].id,
            password=SecretStr(running.app[flavour].secret),
        )
        for flavour in FLAVOURS
    }
    return replace(
        settings,
        connections={**settings.connections, **apps},
        media_hosts=(running.cdn.removeprefix("http://"),),
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=14, seed=5, start=START, history_days=14) as started:
        yield started


@pytest.fixture
def scene(running: Running, warehouse: Settings, postgres: EmbeddedPostgres) -> Iterator[Scene]:
    settings = wired(warehouse, running)
    owner = replace(postgres.superuser, database=settings.warehouse.database)
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        scene = Scene(running, settings, conn, owner)
        scene.control("DELETE", "faults")
        scene.control("POST", "clock", {"now": EVENING.isoformat(), "speed": 0})
        import_accounts(conn, Vault(settings.token_keys), scene.control("GET", "accounts.csv"), START)
        yield scene
        scene.control("DELETE", "faults")
