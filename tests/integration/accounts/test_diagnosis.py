"""What is wrong with an account: the sandbox lets one thing after another befall it, and each is found and named."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests
from pydantic import SecretStr

from storykeep.accounts.connections import held
from storykeep.accounts.diagnosis import Finding, diagnose
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.graph.client import GraphClient
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Connection, Flavour, Settings

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 1, tzinfo=UTC)
PRESENT = START + timedelta(days=14)


class Scene:
    """A sandbox whose accounts are imported; `fb` and `ig` are a good account of each flavour."""

    def __init__(self, running: Running, conn: psycopg.Connection, vault: Vault) -> None:
        self.running, self.conn, self.vault = running, conn, vault
        self.control("DELETE", "faults"), self.control("DELETE", "grants"), self.control("DELETE", "switches")
        self.control("POST", "clock", {"now": PRESENT.isoformat()})
        import_accounts(conn, vault, self.control("GET", "accounts.csv").text, START)
        good = [one for one in held(conn) if not self.wrong(one.username)]
        self.fb, self.ig = (next(one for one in good if one.login_flavour == flavour) for flavour in FLAVOURS)

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        reply = requests.request(method, f"{self.running.cdn}/_sandbox/{path}", json=body, timeout=10)
        assert reply.ok, reply.text
        return reply

    def clients(self) -> dict[Flavour, GraphClient]:
        apps = {
            f"graph_{flavour}": Connection(
                host=getattr(self.running, flavour),
                login=self.running.app[flavour].id,
                password=SecretStr(self.running.app[flavour].secret),
            )
            for flavour in FLAVOURS
        }
        settings = Settings(connections=apps)
        return {flavour: GraphClient(settings.graph(flavour), sleep=lambda _: None) for flavour in FLAVOURS}

    def diagnose(self, username: str, clients: dict[Flavour, GraphClient] | None = None) -> list[Finding]:
        clients = self.clients() if clients is None else clients
        return diagnose(self.conn, self.vault, clients, username, PRESENT)

    def wrong(self, username: str) -> list[tuple[str, str]]:
        """What is not well: check and finding."""
        found = [finding for finding in self.diagnose(username) if not finding.is_well]
        assert all(finding.owner and finding.remedy for finding in found)
        return [(finding.check, finding.what) for finding in found]

    def says(self, ig_user_id: str, endpoint: str, body: Any) -> None:
        told = {"kind": "body", "ig_user_id": ig_user_id, "endpoint": endpoint, "body": json.dumps(body)}
        self.control("POST", "faults", [told])


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=14, seed=5, start=START, history_days=14) as started:
        yield started


@pytest.fixture
def scene(running: Running, conn: psycopg.Connection, vault: Vault) -> Scene:
    return Scene(running, conn, vault)


def test_of_a_good_account_every_check_is_well(scene: Scene) -> None:
    assert [finding.check for finding in scene.diagnose(scene.fb.username)] == [
        "connection",
        "token",
        "Facebook Page",
        "stories",
    ]
    assert [finding.check for finding in scene.diagnose(scene.ig.username)] == ["connection", "account", "stories"]


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("revoked", "revoked (app_removed)"),
        ("password_changed", "revoked (password_changed)"),
        ("checkpointed", "needs_action (checkpointed)"),
    ],
)
def test_a_dead_token_is_found_with_its_reason_and_nothing_more_is_asked(scene: Scene, event: str, found: str) -> None:
    scene.control("POST", "grants", {"ig_user_id": scene.fb.ig_user_id, "event": event})
    assert scene.wrong(scene.fb.username) == [("token", found)]
    assert scene.diagnose(scene.fb.username)[-1].check == "token"


def test_a_permission_that_was_taken_back_is_named(scene: Scene) -> None:
    scope = "instagram_manage_insights"
    scene.control("POST", "grants", {"ig_user_id": scene.fb.ig_user_id, "scopes": [scope]})
    assert scene.wrong(scene.fb.username) == [
        ("permissions", "connected_no_insights (missing_scope: instagram_manage_insights)")
    ]


def test_who_lost_the_role_on_the_linked_page_sees_only_the_others(scene: Scene) -> None:
    scene.control("POST", "grants", {"ig_user_id": scene.fb.ig_user_id, "event": "page_role_lost"})
    ((check, what),) = [found for found in scene.wrong(scene.fb.username) if found[0] == "Facebook Page"]
    assert (check, what.partition(":")[0]) == ("Facebook Page", "needs_action (page_not_linked")


def test_without_any_page_the_creator_is_told_to_link_one(scene: Scene) -> None:
    scene.says(scene.fb.ig_user_id, "pages", {"data": []})
    assert scene.wrong(scene.fb.username) == [("Facebook Page", "needs_action (no_page)")]


@pytest.mark.parametrize(
    ("linked", "tasks", "found"),
    [
        (None, ["ANALYZE"], "page_not_linked: Nora's (2101)"),
        ("17840000000000001", ["ANALYZE"], "wrong_facebook_account: Nora's (2101)"),
        ("own", ["CREATE_CONTENT"], "insufficient_page_role: Nora's (2101)"),
    ],
)
def test_what_is_wrong_on_the_way_through_the_page_is_told_apart(
    scene: Scene, linked: str | None, tasks: list[str], found: str
) -> None:
    link = {"instagram_business_account": {"id": scene.fb.ig_user_id if linked == "own" else linked}} if linked else {}
    page = {"id": "2101", "name": "Nora's", "access_token": "EAApage", "tasks": tasks, **link}
    scene.says(scene.fb.ig_user_id, "pages", {"data": [page]})
    assert scene.wrong(scene.fb.username) == [("Facebook Page", f"needs_action ({found})")]


def test_a_new_page_names_its_task_differently(scene: Scene) -> None:
    link = {"instagram_business_account": {"id": scene.fb.ig_user_id}}
    page = {"id": "2101", "access_token": "EAApage", "tasks": ["PROFILE_PLUS_ANALYZE"], **link}
    scene.says(scene.fb.ig_user_id, "pages", {"data": [page]})
    assert scene.wrong(scene.fb.username) == []


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ({"user_id": "own", "account_type": "PERSONAL"}, "personal_account: PERSONAL"),
        ({"user_id": "17840000000000001", "username": "somebody"}, "wrong_account: @somebody"),
    ],
)
def test_a_token_of_another_or_of_a_personal_account_is_found(
    scene: Scene, profile: dict[str, str], found: str
) -> None:
    own = {"id": "1", **profile} | ({"user_id": scene.ig.ig_user_id} if profile["user_id"] == "own" else {})
    scene.says(scene.ig.ig_user_id, "profile", own)
    assert scene.wrong(scene.ig.username) == [("account", f"needs_action ({found})")]


def test_an_account_that_the_api_hides_is_gone(scene: Scene) -> None:
    scene.control(
        "POST", "faults", [{"kind": "error_100_33", "endpoint": "stories", "ig_user_id": scene.fb.ig_user_id}]
    )
    assert scene.wrong(scene.fb.username) == [("stories", "needs_action (account_gone)")]


def test_nothing_is_asked_of_a_pool_that_rests_and_a_throttled_one_is_left_to_rest(scene: Scene) -> None:
    scene.control("POST", "faults", [{"kind": "throttle", "endpoint": "stories", "ig_user_id": scene.ig.ig_user_id}])
    assert [check for check, _ in scene.wrong(scene.ig.username)] == ["rate limit"]
    scene.control("DELETE", "log")
    assert [check for check, _ in scene.wrong(scene.ig.username)] == ["rate limit"]
    assert scene.control("GET", "log").json()["calls"] == []


def test_an_api_out_of_reach_is_not_held_against_the_account(scene: Scene) -> None:
    scene.control("POST", "faults", [{"kind": "http_500"}])
    assert scene.diagnose(scene.fb.username)[-1].is_well is None


def test_a_goodbye_an_unknown_consent_and_a_lost_key_are_told_without_asking_anybody(scene: Scene) -> None:
    disconnect(scene.conn, scene.ig.username, PRESENT)
    assert scene.wrong(scene.ig.username) == [("connection", "disconnected")]
    (stranger,) = scene.conn.execute(
        "select username from app.accounts where account_id not in (select account_id from app.connections)"
    ).fetchone() or ("",)
    assert scene.wrong(stranger) == [("connection", "not_tracked")]
    scene.vault = Vault([SecretStr("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")])
    assert [check for check, _ in scene.wrong(scene.fb.username)] == ["token key"]


def test_an_app_that_is_not_set_up_is_the_data_teams(scene: Scene) -> None:
    found = scene.diagnose(scene.fb.username, {})[-1]
    assert (found.check, found.is_well, found.owner) == ("app", False, "data team")
    assert "AIRFLOW_CONN_GRAPH_FACEBOOK" in found.what
