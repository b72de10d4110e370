"""F-06 and F-07 in the warehouse: each refusal ends or degrades its own connection, at once, once and for a reason."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.graph import retry
from storykeep.graph.tokens import exchange_facebook, refresh_instagram
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import FLAVOURS, Flavour, Settings

from .conftest import EVENING, Crowd, Scene, calls_by_account, some_accounts, staged

pytestmark = pytest.mark.integration

MINUTES_5 = timedelta(minutes=5)
QUARTER = timedelta(minutes=15)
NOT_ENOUGH_VIEWERS = "(#10) Not enough viewers for the media to show insights"


@dataclass(frozen=True)
class Refusal:
    """What the API refuses, with what, and what becomes of the connection."""

    endpoint: str
    kind: str
    status: str
    reason: str | None
    more: dict[str, Any] = field(default_factory=dict)


DEATHS = {
    "error_190": ("revoked", "token_invalid"),
    "error_190_458": ("revoked", "app_removed"),
    "error_190_459": ("needs_action", "checkpointed"),
    "error_190_460": ("revoked", "password_changed"),
    "error_190_463": ("expired", "token_expired"),
    "error_190_464": ("needs_action", "unconfirmed_user"),
    "error_190_467": ("revoked", "logged_out"),
    "error_190_492": ("needs_action", "page_role_lost"),
    "error_102": ("revoked", "token_invalid"),
}
PERMISSIONS = ("error_10", "error_200", "error_210", "error_230", "error_283", "error_299")
REFUSALS: dict[str, Refusal] = {
    **{f"{kind} listing": Refusal("stories", kind, *end) for kind, end in DEATHS.items()},
    **{f"{kind} listing": Refusal("stories", kind, "needs_action", "missing_scope") for kind in PERMISSIONS},
    "error_190_492 reading": Refusal("insights", "error_190_492", "needs_action", "page_role_lost"),
    "error_190_463 reading": Refusal("insights", "error_190_463", "expired", "token_expired"),
    "error_10 reading": Refusal("insights", "error_10", "connected_no_insights", "missing_scope"),
    "error_200 reading": Refusal("insights", "error_200", "connected_no_insights", "missing_scope"),
    "few viewers": Refusal("insights", "error_10", "connected", None, {"message": NOT_ENOUGH_VIEWERS}),
}
CASES = [(name, flavour) for name in REFUSALS for flavour in FLAVOURS]


@dataclass
class Lost:
    """What was found of each victim: after the tick that was refused, after two more, and after a reconnect.

    `calls` are those of the two later ticks.
    """

    scene: Scene
    victims: dict[tuple[str, Flavour], str]
    then: dict[str, tuple[Any, ...]]
    events: dict[str, list[tuple[Any, ...]]]
    insights: dict[str, set[str]]
    calls: dict[str, int]
    neighbours: Counter[str]
    reconnected: dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def lost(crowded: Crowd, new_warehouse: Callable[[], Settings], postgres: EmbeddedPostgres) -> Iterator[Lost]:
    lively = {flavour: crowded.lively(flavour) for flavour in FLAVOURS}
    victims = {(name, flavour): lively[flavour][list(REFUSALS).index(name)] for name, flavour in CASES}
    chosen = {*victims.values(), *(who for flavour in FLAVOURS for who in lively[flavour][-5:])}
    accounts = some_accounts(crowded.text, lambda row: row["ig_user_id"] in chosen)
    with pytest.MonkeyPatch.context() as patch, staged(crowded.running, new_warehouse(), postgres, accounts) as scene:
        patch.setattr(retry, "FIRST_WAIT", 0.0)
        faults = [
            {"kind": one.kind, "endpoint": one.endpoint, "ig_user_id": victims[name, flavour], **one.more}
            for (name, flavour), one in ((case, REFUSALS[case[0]]) for case in CASES)
        ]
        scene.now = EVENING
        scene.control("POST", "faults", faults)
        scene.tick()
        then = states(scene)
        scene.control("DELETE", "log")
        scene.tick(MINUTES_5)
        scene.tick(QUARTER)
        calls = calls_by_account(scene.control("GET", "log"))
        events = {who: events_of(scene, who) for who in victims.values()}
        insights = {who: statuses_of(scene, who) for who in victims.values()}
        neighbours = Counter(str(state[0]) for who, state in states(scene).items() if who not in victims.values())
        scene.control("DELETE", "faults")
        reconnect(crowded, scene, set(victims.values()), accounts, scene.now + timedelta(minutes=1))
        scene.tick(MINUTES_5)
        yield Lost(scene, victims, then, events, insights, calls, neighbours, states(scene))


def states(scene: Scene) -> dict[str, tuple[Any, ...]]:
    """The connection of each account, and when it was last listed well."""
    rows = scene.all(
        "select ig_user_id, status, reason, status_since, listed_at from app.connections"
        " join app.accounts using (account_id) left join app.account_clock using (account_id)"
    )
    return {row[0]: row[1:] for row in rows}


def events_of(scene: Scene, ig_user_id: str) -> list[tuple[Any, ...]]:
    return scene.all(
        "select status, reason, happened_at from app.connection_events join app.accounts using (account_id)"
        " where ig_user_id = %s and kind <> 'connected' order by event_id",
        ig_user_id,
    )


def statuses_of(scene: Scene, ig_user_id: str) -> set[str]:
    found = scene.all(
        "select distinct status from raw.story_insights join app.accounts using (account_id) where ig_user_id = %s",
        ig_user_id,
    )
    return {status for (status,) in found}


def reconnect(crowd: Crowd, scene: Scene, victims: set[str], accounts: str, at: datetime) -> None:
    """Bring another good token of each victim."""
    rows = [row for row in csv.DictReader(io.StringIO(accounts)) if row["ig_user_id"] in victims]
    for row in rows:
        flavour: Flavour = "facebook" if row["login_flavour"] == "facebook" else "instagram"
        renew = exchange_facebook if flavour == "facebook" else refresh_instagram
        new = renew(crowd.client(flavour), SecretStr(row["access_token"]), scene.now)
        row["access_token"] = new.token.get_secret_value()
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    done = import_accounts(scene.conn, Vault(scene.settings.token_keys), text.getvalue(), at)
    assert done.outcomes == {"reconnected": len(victims)}


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_f06_f07_a_refusal_ends_or_degrades_its_connection_at_once_once_and_with_its_reason(
    lost: Lost, name: str, flavour: Flavour
) -> None:
    refusal, victim = REFUSALS[name], lost.victims[name, flavour]
    status, reason, since, _ = lost.then[victim]
    assert (status, reason) == (refusal.status, refusal.reason)
    if refusal.reason is None:
        assert lost.events[victim] == []
        assert lost.insights[victim] == {"withheld"}
    else:
        assert since == EVENING or refusal.status == "connected_no_insights"
        assert lost.events[victim] == [(refusal.status, refusal.reason, EVENING)]
        assert "withheld" not in lost.insights[victim]


@pytest.mark.parametrize(("name", "flavour"), [case for case in CASES if REFUSALS[case[0]].status != "connected"])
def test_f06_a_token_that_was_refused_is_not_used_again(lost: Lost, name: str, flavour: Flavour) -> None:
    victim = lost.victims[name, flavour]
    if REFUSALS[name].status == "connected_no_insights":
        assert lost.calls[victim] == 1, "the listing after a quarter of an hour, and no reading"
    else:
        assert victim not in lost.calls


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_f06_capture_resumes_within_one_tick_of_a_reconnect(lost: Lost, name: str, flavour: Flavour) -> None:
    victim = lost.victims[name, flavour]
    status, reason, _, listed_at = lost.reconnected[victim]
    assert (status, reason) == ("connected", None)
    if REFUSALS[name].status in ("connected", "connected_no_insights"):
        assert listed_at >= lost.scene.now - MINUTES_5, "listing went on all the time"
    else:
        assert listed_at == lost.scene.now
    if REFUSALS[name].reason:
        assert "ok" in statuses_of(lost.scene, victim)


def test_f06_nobody_else_is_touched(lost: Lost) -> None:
    assert lost.neighbours.keys() == {"connected"}
    assert lost.neighbours["connected"] == 10
