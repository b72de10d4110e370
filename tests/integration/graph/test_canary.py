"""No token and no app secret is found in anything that a capture leaves behind, whatever goes wrong."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.graph import retry
from storykeep.graph.client import Answer, GraphClient, open_clients
from storykeep.graph.errors import GraphError
from storykeep.graph.tokens import facts_of, inspect, inspection
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.sandbox.faults import _KINDS as KINDS
from storykeep.settings import FLAVOURS, Flavour, Settings

from .conftest import Crowd, Scene, some_accounts, staged
from .tcp_proxy import Exchange, proxied, says

pytestmark = pytest.mark.integration

REST = timedelta(minutes=20)  # longer than a throttled pool is left alone
WRONG_SECRET = "wrong-canary-secret"
# Of each kind one that a message of the API comes with; what it says is LEAKY.
ERRORS = ("error_1", "error_3", "error_10", "error_17", "error_100", "error_100_33", "error_190", "error_190_460")


class Witness(logging.Handler):
    """Everything that was said, raised and answered."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.errors: list[BaseException] = []
        self.answers: list[Answer] = []
        self.others: list[object] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each text, and where it was found."""
        for line in self.lines:
            yield "log", line
        for error in chain(self.errors):
            yield "exception", f"{error} {error!r} {error.args!r}"
        for answer in self.answers:
            yield "repr", f"{answer!r} {answer.ask!r} {answer.error!r} {answer.usage!r}"
        for other in self.others:
            yield "repr", f"{other!r} {vars(other)!r}" if hasattr(other, "__dict__") else repr(other)


def chain(errors: list[BaseException]) -> list[BaseException]:
    """The errors with all that they came from."""
    found, waiting = dict[int, BaseException](), list(errors)
    while waiting:
        error = waiting.pop()
        if id(error) not in found:
            found[id(error)] = error
            waiting += [one for one in (error.__cause__, error.__context__) if one is not None]
    return list(found.values())


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    witness, make, answer = Witness(), StorykeepError.__init__, GraphClient.answer

    def made(self: StorykeepError, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        witness.errors.append(self)

    def answering(self: GraphClient, *args: Any) -> Iterator[list[Answer]]:
        for answers in answer(self, *args):
            witness.answers += answers
            yield answers

    monkeypatch.setattr(StorykeepError, "__init__", made)
    monkeypatch.setattr(GraphClient, "answer", answering)
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    root = logging.getLogger()
    level = root.level
    root.addHandler(witness)
    root.setLevel(logging.DEBUG)
    yield witness
    root.removeHandler(witness)
    root.setLevel(level)


def rows(scene: Scene) -> Iterator[tuple[str, str]]:
    """Every row of every table, bytes as the text that they are."""
    with scene.superuser() as conn:
        tables = conn.execute(
            "select schemaname, tablename from pg_tables"
            " where schemaname !~ '^pg_' and schemaname <> 'information_schema'"
        ).fetchall()
        assert ("raw", "dead_letters") in tables
        for schema, table in tables:
            query = sql.SQL("select * from {}").format(sql.Identifier(schema, table))
            for row in conn.execute(query):
                yield f"{schema}.{table}", " ".join(map(as_text, row))


def as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")


def canaries(crowd: Crowd) -> re.Pattern[str]:
    """The secrets of both apps and whatever has the shape of one of the sandbox's tokens."""
    secrets = [WRONG_SECRET, *(re.escape(app.secret) for app in crowd.running.app.values())]
    return re.compile("|".join([*secrets, r"(EAA|IGAA)sbx[up][0-9a-f]{8,}"]))


def leaky(crowd: Crowd, flavour: Flavour, ig_user_id: str) -> str:
    """A text that names the token and the secret in every form in which an API might echo them."""
    token = next(row["access_token"] for row in crowd.accounts(flavour) if row["ig_user_id"] == ig_user_id)
    app = crowd.running.app[flavour]
    return (
        f"Bad token {token} at https://graph.example/v26.0/me?access_token={token}&appsecret_proof=abc of app "
        f"access_token={app.id}%7C{app.secret}&client_secret={app.secret} whose secret is {app.secret}"
    )


def faults(crowd: Crowd, flavour: Flavour) -> list[dict[str, Any]]:
    """A fault for each account: every kind at the listing and again at the reading, errors with leaky words."""
    found: list[dict[str, Any]] = []
    accounts = iter(crowd.lively(flavour))
    for endpoint in ("stories", "insights"):
        for kind in (*KINDS, *ERRORS):
            who = next(accounts)
            text = leaky(crowd, flavour, who)
            words = {"body" if kind == "body" else "message": text}
            found.append({"kind": kind, "endpoint": endpoint, "ig_user_id": who, "seconds": 0.01, **words})
    return found


def test_nothing_that_a_capture_leaves_behind_holds_a_token_or_a_secret(
    crowd: Crowd, warehouse: Settings, postgres: EmbeddedPostgres, witness: Witness
) -> None:
    ailing = [fault for flavour in FLAVOURS for fault in faults(crowd, flavour) if fault["kind"] != "app_throttle"]
    chosen = {fault["ig_user_id"] for fault in ailing}
    accounts = some_accounts(crowd.text, lambda row: row["ig_user_id"] in chosen)
    with staged(crowd.running, warehouse, postgres, accounts) as scene:
        scene.control("POST", "faults", ailing)
        scene.tick()
        text = leaky(crowd, "facebook", crowd.accounts("facebook")[0]["ig_user_id"])
        for kind in ("cut", "error_104", "error_190"):
            scene.control("POST", "faults", [{"kind": kind, "endpoint": "batch", "message": text}])
            scene.tick(REST)
        unreachable(scene)
        refused_app(scene)
        clients = open_clients(scene.settings)
        inspected(crowd, clients)
        witness.others += [scene.settings, *scene.settings.connections.values(), *clients.values()]
        kept = [*rows(scene), *files(Path(scene.settings.media_root)), *witness.texts()]
    assert len(kept) > 1000
    assert {where for where, _ in kept} >= {"log", "exception", "repr", "raw.dead_letters", "raw.story_insights"}
    assert any("urllib3" in text for _, text in kept)
    assert any("***" in text for _, text in kept)
    canary = canaries(crowd)
    found = [(where, text, canary.search(text)) for where, text in kept]
    assert not {f"{where}: {text[: hit.start()][-120:]}…" for where, text, hit in found if hit}


def unreachable(scene: Scene) -> None:
    """Ticks through a proxy that garbles everything, or says nothing but what it heard."""
    there = scene.settings
    for toxic in (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n"), echo):
        with proxied(scene.running.facebook) as facebook, proxied(scene.running.instagram) as instagram:
            facebook.befall(toxic)
            instagram.befall(toxic)
            scene.settings = rewired(there, facebook=facebook.url, instagram=instagram.url)
            scene.tick(REST)
    scene.settings = there


def echo(exchange: Exchange) -> None:
    """A page of a gateway's that shows the whole request, tokens and all."""
    page = b"<html><pre>" + exchange.request + b"</pre></html>"
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page) + page)


def refused_app(scene: Scene) -> None:
    """A tick of an app whose secret is wrong."""
    there = scene.settings
    connections = {
        name: replace(connection, password=SecretStr(WRONG_SECRET)) if name.startswith("graph_") else connection
        for name, connection in there.connections.items()
    }
    scene.settings = replace(there, connections=connections)
    scene.control("DELETE", "faults")
    scene.tick(REST)
    scene.settings = there


def inspected(crowd: Crowd, clients: Mapping[Flavour, GraphClient]) -> None:
    """Tokens are looked into, whose secrets have to stand in the URL, while that fails in every way."""
    for flavour, client in clients.items():
        row = crowd.accounts(flavour)[0]
        text = leaky(crowd, flavour, row["ig_user_id"])
        for kind in (*KINDS, *ERRORS):
            crowd.befall({"kind": kind, "seconds": 0.01, "body" if kind == "body" else "message": text})
            with suppress(GraphError):
                inspect(client, SecretStr(row["access_token"]))
            asks = [inspection(client.api, SecretStr(row["access_token"]), pool="1784", key=kind)]
            for answers in client.answer(asks):
                with suppress(GraphError):
                    facts_of(answers[0])


def rewired(settings: Settings, **hosts: str) -> Settings:
    apps = {f"graph_{flavour}": host for flavour, host in hosts.items()}
    connections = {
        name: replace(connection, host=apps.get(name, connection.host))
        for name, connection in settings.connections.items()
    }
    return replace(settings, connections=connections)
