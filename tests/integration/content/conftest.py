"""A warehouse whose accounts live in a sandbox, and what is true of their posts and audiences there."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.integration.capture.conftest import EVENING, START, Scene, wired

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.clock import Clock, fixed_clock
from storykeep.content.engine import sync_content
from storykeep.landing.runs import Run
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.serve import Running, sandbox
from storykeep.sandbox.world.accounts import Account, World
from storykeep.sandbox.world.audience import Audience
from storykeep.sandbox.world.posts import Post, Posts
from storykeep.settings import Settings
from storykeep.warehouse import connect

# So few that the sandbox has no plight for any of them.
ACCOUNTS = 8
# One of each flavour.
HEALTHY = {"facebook": 0, "instagram": 1}


class Truth(World):
    """The world of the sandbox that runs, made again from its seed."""

    def __init__(self, accounts: int = ACCOUNTS) -> None:
        super().__init__(accounts=accounts, seed=5, start=START, history_days=14)
        self.posts = Posts(self)

    def of(self, ig_user_id: str) -> Account:
        (found,) = [account for account in self.accounts() if account.ig_user_id == ig_user_id]
        return found

    def audience(self, ig_user_id: str) -> Audience:
        return Audience(self, self.of(ig_user_id))

    def listed(self, ig_user_id: str, at: datetime, days: int = 90) -> list[Post]:
        """What an account posted in the last days."""
        return list(self.posts.listed(self.of(ig_user_id), at, at - timedelta(days=days)))


@dataclass
class ContentScene(Scene):
    """A scene in which the content is read."""

    def sync(self, after: timedelta = timedelta(0), clock: Clock | None = None) -> Run:
        """One run, `after` the last one."""
        self.now += after
        self.control("POST", "clock", {"now": self.now.isoformat()})
        run_id = f"content-{self.now.isoformat()}"
        return sync_content(self.conn, self.settings, self.clients(), clock or fixed_clock(self.now), run_id)

    def asked(self, after: timedelta = timedelta(0)) -> dict[str, int]:
        """Who is asked how often by a run, by IG user id."""
        self.control("DELETE", "log")
        self.sync(after)
        return self.calls()

    def asked_for(self) -> Counter[str]:
        """How many calls each endpoint has had since the log was cleared."""
        found: Counter[str] = Counter()
        for row in self.control("GET", "log")["calls"]:
            if row["endpoint"] not in ("cdn", "batch"):
                found[row["endpoint"]] += row["requests"] + row["batch_items"]
        return found

    def connected(self) -> dict[str, str]:
        """The account ids of those that are connected with all permissions, by IG user id."""
        rows = self.all(
            """
            select ig_user_id, account_id from app.accounts join app.connections using (account_id)
            where status = 'connected'
            """
        )
        return dict(rows)

    def account(self, ig_user_id: str) -> str:
        return str(self.one("select account_id from app.accounts where ig_user_id = %s", ig_user_id))


@contextmanager
def staged(running: Running, settings: Settings, postgres: EmbeddedPostgres) -> Iterator[ContentScene]:
    """The accounts of the sandbox in an empty warehouse, on an evening on which nothing goes wrong."""
    settings = wired(settings, running)
    owner = replace(postgres.superuser, database=settings.warehouse.database)
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        scene = ContentScene(running, settings, conn, owner)
        scene.control("DELETE", "faults")
        scene.control("POST", "clock", {"now": EVENING.isoformat(), "speed": 0})
        import_accounts(conn, Vault(settings.token_keys), scene.control("GET", "accounts.csv"), START)
        yield scene
        scene.control("DELETE", "faults")


@pytest.fixture(scope="session")
def world() -> Truth:
    return Truth()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=ACCOUNTS, seed=5, start=START, history_days=14) as started:
        yield started


@pytest.fixture
def scene(running: Running, warehouse: Settings, postgres: EmbeddedPostgres) -> Iterator[ContentScene]:
    with staged(running, warehouse, postgres) as scene:
        yield scene


def values(payload: dict[str, Any]) -> dict[str, int]:
    """The plain numbers of a reply, by metric."""
    return {item["name"]: item["values"][0]["value"] for item in payload["data"] if item.get("values")}


def split(payload: dict[str, Any]) -> dict[tuple[str, ...], int]:
    """The first breakdown of a reply."""
    (breakdown,) = payload["data"][0]["total_value"]["breakdowns"]
    return {tuple(row["dimension_values"]): row["value"] for row in breakdown["results"]}
