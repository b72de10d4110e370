"""The seeded world of the sandbox, over HTTP: its accounts are imported and its troubled tokens found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from pydantic import SecretStr

from storykeep.accounts.alerts import Alert, tell
from storykeep.accounts.connections import held
from storykeep.accounts.health import check_tokens
from storykeep.accounts.registry import capturable, import_accounts, list_accounts
from storykeep.accounts.vault import Vault
from storykeep.campaigns.registry import import_campaigns
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Connection, Flavour, Settings

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 1, tzinfo=UTC)
PRESENT = START + timedelta(days=14)


@pytest.fixture(scope="module")
def world() -> Iterator[Running]:
    with sandbox(accounts=14, seed=5, start=START, history_days=14) as running:
        set_clock(running, PRESENT)
        yield running


@pytest.fixture
def clients(world: Running) -> dict[Flavour, GraphClient]:
    connections = {
        f"graph_{flavour}": Connection(
            host=getattr(world, flavour), login=world.app[flavour].id, password=SecretStr(world.app[flavour].secret)
        )
        for flavour in FLAVOURS
    }
    settings = Settings(connections=connections)
    return {flavour: GraphClient(settings.graph(flavour), sleep=lambda _: None) for flavour in FLAVOURS}


@pytest.fixture
def imported(conn: psycopg.Connection, vault: Vault, world: Running) -> psycopg.Connection:
    accounts = import_accounts(conn, vault, file_of(world, "accounts.csv"), START)
    assert (accounts.outcomes, accounts.faults) == ({"connected": 13, "not tracked": 1}, ())
    return conn


def set_clock(world: Running, now: datetime) -> None:
    reply = requests.post(f"{world.cdn}/_sandbox/clock", json={"now": now.isoformat()}, timeout=10)
    assert reply.status_code == 200, reply.text


def file_of(world: Running, name: str) -> str:
    return requests.get(f"{world.cdn}/_sandbox/{name}", timeout=10).text


def watch(conn: psycopg.Connection, vault: Vault, clients: dict[Flavour, GraphClient]) -> list[Alert]:
    alerts = check_tokens(conn, vault, clients, fixed_clock(PRESENT))
    tell(conn, alerts, PRESENT)
    return alerts


def test_campaigns_of_the_world_go_in(imported: psycopg.Connection, world: Running, tmp_path: Path) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text(file_of(world, "campaigns.yaml"), encoding="utf-8")
    result = import_campaigns(imported, path, "ida", PRESENT)
    assert result.faults == ()
    assert (result.brands, result.campaigns) == (3, 6)
    assert import_campaigns(imported, path, "ida", PRESENT).changes == ()


def test_exactly_the_troubled_tokens_are_told_once(
    imported: psycopg.Connection, vault: Vault, clients: dict[Flavour, GraphClient], world: Running
) -> None:
    (ends_soon,) = (one for one in held(imported) if one.data_access_expires_at == PRESENT + timedelta(days=2))
    before = {one.account_id: one.token_encrypted for one in held(imported)}
    alerts = watch(imported, vault, clients)
    assert [(alert.subject, alert.step, alert.reason.split(" at ")[0]) for alert in alerts] == [
        ("status", "expired", "expired (token_expired)"),
        ("data_access", "3", "data_access_ending"),
        ("status", "connected_no_insights", "connected_no_insights (missing_scope: instagram_manage_insights)"),
    ]
    assert alerts[1].account_id == ends_soon.account_id
    after = {one.account_id: one for one in held(imported)}
    exchanged = after[ends_soon.account_id]
    assert exchanged.token_encrypted != before[ends_soon.account_id], "the token was exchanged,"
    assert exchanged.token_expires_at is not None
    assert exchanged.token_expires_at > PRESENT + timedelta(days=59)
    assert exchanged.data_access_expires_at == PRESENT + timedelta(days=2), "but data access still ends"
    assert watch(imported, vault, clients) == []
    counts = sorted(account.status for account in list_accounts(imported))
    assert [status for status in counts if status != "connected"] == [
        "connected_no_insights",
        "expired",
        "expiring",
        "not_tracked",
    ]


def test_renewed_tokens_work(
    imported: psycopg.Connection, vault: Vault, clients: dict[Flavour, GraphClient], world: Running
) -> None:
    def tokens() -> dict[str, str]:
        return {
            one.account_id: one.token.get_secret_value() for one in capturable(imported, vault, shard=0, shards=1)[0]
        }

    before = tokens()
    watch(imported, vault, clients)
    after = tokens()
    renewed = {account_id for account_id in after if after[account_id] != before[account_id]}
    flavours = {one.login_flavour for one in held(imported) if one.account_id in renewed}
    assert flavours == set(FLAVOURS)
    for one in capturable(imported, vault, shard=0, shards=1)[0]:
        base = getattr(world, one.login_flavour)
        headers = {"Authorization": f"Bearer {one.token.get_secret_value()}"}
        reply = requests.get(f"{base}/v26.0/{one.ig_user_id}?fields=username", headers=headers, timeout=10)
        assert reply.json().get("username") == one.username


def control(world: Running, method: str, path: str, body: Any = None) -> Any:
    reply = requests.request(method, f"{world.cdn}/_sandbox/{path}", json=body, timeout=10)
    assert reply.ok, reply.text
    return reply.json()


def test_facebook_tokens_are_inspected_together_each_with_its_own_outcome(
    imported: psycopg.Connection, vault: Vault, clients: dict[Flavour, GraphClient], world: Running
) -> None:
    control(world, "DELETE", "log")
    victim = next(one for one in held(imported) if one.login_flavour == "facebook")
    control(world, "POST", "faults", [{"kind": "error_2", "endpoint": "debug_token", "ig_user_id": victim.ig_user_id}])
    try:
        watch(imported, vault, clients)
    finally:
        control(world, "DELETE", "faults")
    calls = {row["endpoint"]: row for row in control(world, "GET", "log")["calls"] if row["endpoint"] == "debug_token"}
    assert sum(row["requests"] for row in calls.values()) == 0
    facebook = [one for one in held(imported) if one.login_flavour == "facebook"]
    assert {one.account_id for one in facebook if one.inspected_at is None} == {victim.account_id}
    assert all(one.scopes for one in facebook if one is not victim and one.inspected_at)
    posts = sum(row["requests"] for row in control(world, "GET", "log")["calls"] if row["endpoint"] == "batch")
    assert posts == 4, "two more attempts for the one that failed, and one for what was renewed"
    asked = imported.execute("select usage_percent from app.api_pools where pool = 'app:facebook'").fetchall()
    assert len(asked) == 1


@pytest.mark.parametrize(("flavour", "endpoint"), [("facebook", "exchange"), ("instagram", "refresh")])
def test_a_renewal_that_brings_a_token_of_no_use_leaves_the_old_one_at_work(
    imported: psycopg.Connection,
    vault: Vault,
    clients: dict[Flavour, GraphClient],
    world: Running,
    flavour: Flavour,
    endpoint: str,
) -> None:
    def in_use() -> dict[str, str]:
        return {
            one.account_id: one.token.get_secret_value() for one in capturable(imported, vault, shard=0, shards=1)[0]
        }

    body = '{"access_token": "EAAnonsense", "token_type": "bearer", "expires_in": 5183944}'
    before = in_use()
    control(world, "POST", "faults", [{"kind": "body", "endpoint": endpoint, "body": body}])
    try:
        watch(imported, vault, clients)
    finally:
        control(world, "DELETE", "faults")
    mine = {one.account_id: one for one in held(imported) if one.login_flavour == flavour}
    undone = imported.execute("select account_id from app.connection_events where kind = 'renewal_undone'").fetchall()
    assert {account_id for (account_id,) in undone} <= mine.keys()
    assert undone
    assert {account_id: token for account_id, token in in_use().items() if account_id in mine} == {
        account_id: token for account_id, token in before.items() if account_id in in_use().keys() & mine.keys()
    }
    assert all(mine[account_id].status in ("connected", "expiring") for (account_id,) in undone)


def test_no_token_is_in_logs_messages_or_the_database(
    imported: psycopg.Connection,
    vault: Vault,
    clients: dict[Flavour, GraphClient],
    caplog: pytest.LogCaptureFixture,
    superuser: psycopg.Connection,
) -> None:
    caplog.set_level("DEBUG")
    secrets = [one.token.get_secret_value() for one in capturable(imported, vault, shard=0, shards=1)[0]]
    alerts = watch(imported, vault, clients)
    secrets += [one.token.get_secret_value() for one in capturable(imported, vault, shard=0, shards=1)[0]]
    assert len(set(secrets)) > 13
    seen = caplog.text + "".join(alert.line for alert in alerts)
    for table in ("connections", "connection_events", "accounts", "alerts"):
        rows = superuser.execute(f"select t::text from app.{table} as t").fetchall()  # noqa: S608
        assert rows
        seen += "".join(row for (row,) in rows)
    assert [secret for secret in secrets if secret in seen or secret.encode().hex() in seen] == []


def test_a_sandbox_that_is_gone_is_an_error_of_its_own(
    imported: psycopg.Connection, vault: Vault, world: Running
) -> None:
    with sandbox(accounts=1, seed=5, start=PRESENT) as other:
        pass
    gone = Settings(
        connections={
            f"graph_{flavour}": Connection(host=getattr(other, flavour), login="1", password=SecretStr("s"))
            for flavour in FLAVOURS
        }
    )
    unreachable = {flavour: GraphClient(gone.graph(flavour), sleep=lambda _: None) for flavour in FLAVOURS}
    watch(imported, vault, unreachable)  # one token's recorded end is near: people are told of that first
    with pytest.raises(StorykeepError, match=r"^Graph API at http://127\.0\.0\.1:\d+: not one of [67] tokens could be"):
        watch(imported, vault, unreachable)
