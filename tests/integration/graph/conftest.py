"""Many accounts of a sandbox with a frozen clock, clients for them, and what the sandbox says it was asked."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tests.integration.capture.conftest import EVENING, START, Scene, wired

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.graph import retry
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.graph.endpoints import stories
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import Flavour, GraphSettings, Settings
from storykeep.warehouse import connect

Row = Mapping[str, str]


@dataclass(frozen=True)
class Crowd:
    """Accounts by flavour, all with a good token and every permission.

    `text` is their import file, `seen` names those whose stories have numbers to show.
    """

    running: Running
    text: str = field(repr=False)
    seen: frozenset[str] = field(repr=False)

    def accounts(self, flavour: Flavour) -> list[Row]:
        # The first ten of a world have the troubles.
        return [row for row in list(csv.DictReader(io.StringIO(self.text)))[10:] if row["login_flavour"] == flavour]

    def client(self, flavour: Flavour, base_url: str = "", **options: Any) -> GraphClient:
        return GraphClient(self.settings(flavour, base_url), **{"sleep": lambda _: None, **options})

    def settings(self, flavour: Flavour, base_url: str = "") -> GraphSettings:
        app = self.running.app[flavour]
        return GraphSettings(
            flavour=flavour,
            base_url=base_url or getattr(self.running, flavour),
            version="v26.0",
            app_id=app.id,
            app_secret=SecretStr(app.secret),
            dialog_url="",
            token_url="",
        )

    def asks(self, flavour: Flavour, size: int) -> list[Ask]:
        """The stories of so many accounts; the key is the account's IG user id."""
        return [
            stories(row["ig_user_id"], SecretStr(row["access_token"]), key=row["ig_user_id"])
            for row in self.accounts(flavour)[:size]
        ]

    def lively(self, flavour: Flavour) -> list[str]:
        """The accounts whose stories of this evening, two at least, all have numbers to show."""
        return [row["ig_user_id"] for row in self.accounts(flavour) if row["ig_user_id"] in self.seen]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        reply = requests.request(method, f"{self.running.facebook}/_sandbox/{path}", json=body, timeout=10)
        reply.raise_for_status()
        return reply.json()

    def befall(self, *faults: Mapping[str, Any]) -> None:
        """Put these faults in force and begin the log anew."""
        self.control("POST", "faults", faults)
        self.control("DELETE", "log")

    def requests(self) -> int:
        """How many HTTP requests the sandbox has had since."""
        return int(self.control("GET", "log")["requests"])

    def calls(self) -> dict[str, int]:
        """How many requests and batch items the sandbox has had since, by IG user id."""
        return calls_by_account(self.control("GET", "log"))


def calls_by_account(log: Any, endpoint: str | None = None) -> dict[str, int]:
    """Requests and batch items by IG user id, of one endpoint or of all but the CDN."""
    found: dict[str, int] = {}
    for row in log["calls"]:
        if row["ig_user_id"] and row["endpoint"] != "cdn" and endpoint in (None, row["endpoint"]):
            found[row["ig_user_id"]] = found.get(row["ig_user_id"], 0) + row["requests"] + row["batch_items"]
    return found


def answered(client: GraphClient, asks: list[Ask]) -> list[Answer]:
    """All answers, having made sure that there is one to each ask, in order."""
    answers = [answer for chunk in client.answer(asks) for answer in chunk]
    assert [answer.ask for answer in answers] == asks
    return answers


@pytest.fixture(scope="module")
def crowded() -> Iterator[Crowd]:
    with sandbox(accounts=180, seed=5, start=START, history_days=14) as running:
        control = f"{running.facebook}/_sandbox"
        requests.post(f"{control}/clock", json={"now": EVENING.isoformat()}, timeout=10).raise_for_status()
        truth = requests.get(f"{control}/truth?at={EVENING:%Y-%m-%dT%H:%M:%SZ}", timeout=10).json()
        yield Crowd(running, requests.get(f"{control}/accounts.csv", timeout=10).text, with_numbers(truth["stories"]))


def with_numbers(stories: list[dict[str, Any]]) -> frozenset[str]:
    """The accounts with two live stories at least, none of them without numbers."""
    causes: dict[str, list[str | None]] = {}
    for story in stories:
        if datetime.fromisoformat(story["posted_at"]) <= EVENING < datetime.fromisoformat(story["expires_at"]):
            causes.setdefault(story["ig_user_id"], []).append(story["cause"])
    return frozenset(pool for pool, found in causes.items() if len(found) > 1 and set(found) == {None})


@pytest.fixture
def crowd(crowded: Crowd) -> Iterator[Crowd]:
    crowded.control("POST", "clock", {"now": EVENING.isoformat()})
    crowded.befall()
    yield crowded
    crowded.befall()


@contextmanager
def staged(running: Running, settings: Settings, postgres: EmbeddedPostgres, accounts: str) -> Iterator[Scene]:
    """A warehouse that knows these accounts (an import file) of a sandbox that nothing ails."""
    settings = wired(settings, running)
    owner = replace(postgres.superuser, database=settings.warehouse.database)
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        scene = Scene(running, settings, conn, owner)
        scene.control("DELETE", "faults")
        scene.control("DELETE", "log")
        scene.control("POST", "clock", {"now": EVENING.isoformat(), "speed": 0})
        import_accounts(conn, Vault(settings.token_keys), accounts, START)
        yield scene
        scene.control("DELETE", "faults")


def some_accounts(text: str, chosen: Callable[[Row], bool]) -> str:
    """An import file with the chosen rows alone."""
    rows = list(csv.DictReader(io.StringIO(text)))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in rows if chosen(row))
    return out.getvalue()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that a tick makes for itself retry at once."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
