"""The client against the sandbox, which shares no line of code with it."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from storykeep.clock import parse_time
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.graph.endpoints import insights, next_page, stories, story
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UnreadableError,
    WithheldError,
)
from storykeep.graph.metrics import STORY_GROUPS, MetricGroup
from storykeep.graph.tokens import debug_token, exchange_facebook, inspect, me, refresh_instagram
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Flavour, GraphSettings

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = START + timedelta(days=14, hours=20)
CORE = STORY_GROUPS[0]

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class World:
    """A running sandbox at NOW, with a client for each flavour and its accounts by what is known of them."""

    running: Running
    clients: dict[Flavour, GraphClient]
    accounts: list[dict[str, str]]

    def of(self, flavour: Flavour) -> list[dict[str, str]]:
        """The accounts with a token."""
        return [row for row in self.accounts if row["login_flavour"] == flavour and row["access_token"]]

    def token_and_id(self, flavour: Flavour) -> tuple[SecretStr, str]:
        """An account whose token is alive at NOW."""
        for row in self.of(flavour):
            if not row["token_expires_at"] or parse_time(row["token_expires_at"]) > NOW + timedelta(days=7):
                return SecretStr(row["access_token"]), row["ig_user_id"]
        raise AssertionError("no account is well")

    def listed(self, flavour: Flavour) -> list[Answer]:
        """The first page of stories of every account of a flavour."""
        asks = [stories(row["ig_user_id"], SecretStr(row["access_token"]), key="list") for row in self.of(flavour)]
        return [answer for chunk in self.clients[flavour].answer(asks) for answer in chunk]

    def control(self, name: str, body: Any) -> None:
        requests.post(f"{self.running.facebook}/_sandbox/{name}", json=body, timeout=5).raise_for_status()

    def log(self) -> Any:
        return requests.get(f"{self.running.facebook}/_sandbox/log", timeout=5).json()


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with sandbox(accounts=14, seed=1, start=START, history_days=14) as running:
        text = requests.get(f"{running.facebook}/_sandbox/accounts.csv", timeout=5).text
        yield World(
            running,
            {flavour: GraphClient(settings_of(running, flavour), sleep=lambda _: None) for flavour in FLAVOURS},
            list(csv.DictReader(io.StringIO(text))),
        )


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    shared.control("clock", {"now": NOW.isoformat()})
    yield shared
    shared.control("faults", [])


def settings_of(running: Running, flavour: Flavour, secret: str = "") -> GraphSettings:
    app = running.app[flavour]
    return GraphSettings(
        flavour=flavour,
        base_url=running.facebook if flavour == "facebook" else running.instagram,
        version="v26.0",
        app_id=app.id,
        app_secret=SecretStr(secret or app.secret),
        dialog_url="",
        token_url="",
    )


def live(world: World, flavour: Flavour) -> list[tuple[Ask, str]]:
    return [(answer.ask, row["id"]) for answer in world.listed(flavour) if answer.body for row in answer.body["data"]]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_stories_of_every_account_are_listed_whatever_befalls_one(world: World, flavour: Flavour) -> None:
    answers = world.listed(flavour)
    rows = [row for answer in answers if answer.body for row in answer.body["data"]]
    assert rows
    assert all(NOW - timedelta(hours=24) < parse_time(row["timestamp"]) <= NOW for row in rows)
    assert all(answer.api_version == "v26.0" for answer in answers)
    assert all(isinstance(answer.error, ReconnectError) for answer in answers if answer.error)


def test_an_expired_token_is_told_by_its_reason(world: World) -> None:
    expired = {
        row["ig_user_id"]
        for row in world.accounts
        if row["access_token"] and row["token_expires_at"] and parse_time(row["token_expires_at"]) <= NOW
    }
    answers = [answer for flavour in FLAVOURS for answer in world.listed(flavour)]
    told = {
        answer.ask.pool
        for answer in answers
        if isinstance(answer.error, ReconnectError) and answer.error.reason == "token_expired"
    }
    assert told == expired
    assert expired


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_group_of_every_live_story_is_answered(world: World, flavour: Flavour) -> None:
    asks = [
        insights(media_id, ask.token, group, pool=ask.pool, key=(media_id, group.name))
        for ask, media_id in live(world, flavour)
        for group in STORY_GROUPS
    ]
    answers = [answer for chunk in world.clients[flavour].answer(asks) for answer in chunk]
    assert [answer.ask for answer in answers] == asks
    unexpected = [a for a in answers if a.error and not isinstance(a.error, WithheldError | PermissionMissingError)]
    assert not unexpected
    core = [answer for answer in answers if answer.body and answer.ask.key[1] == "core"]  # type: ignore[index]
    assert core
    for answer in core:
        assert answer.body is not None
        assert {row["name"] for row in answer.body["data"]} == set(CORE.metrics)


def test_a_missing_insights_permission_is_named(world: World) -> None:
    asks = [
        insights(media_id, ask.token, CORE, pool=ask.pool, key=media_id) for ask, media_id in live(world, "facebook")
    ]
    errors = [answer.error for chunk in world.clients["facebook"].answer(asks) for answer in chunk if answer.error]
    missing = [error for error in errors if isinstance(error, PermissionMissingError)]
    assert missing
    assert {error.scope for error in missing} == {"instagram_manage_insights"}


def test_a_batch_of_many_tokens_is_one_request(world: World) -> None:
    world.control("faults", [])
    requests.delete(f"{world.running.facebook}/_sandbox/log", timeout=5)
    answers = world.listed("facebook")
    assert len({answer.ask.token.get_secret_value() for answer in answers}) == len(answers) > 3
    assert world.log()["requests"] == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_refused_metric_is_found_one_by_one(world: World, flavour: Flavour) -> None:
    client = world.clients[flavour]
    token, ig_user_id = world.token_and_id(flavour)
    media_id = next(media_id for ask, media_id in live(world, flavour) if ask.pool == ig_user_id)
    group = MetricGroup("core", ("reach", "saved", "views"))
    together = client.get(insights(media_id, token, group, pool=ig_user_id, key="all"))
    assert isinstance(together.error, RefusedError | WithheldError)
    asks = [insights(media_id, token, one, pool=ig_user_id, key=one.metrics[0]) for one in group.singles()]
    [answers] = client.answer(asks)
    assert {answer.ask.key for answer in answers if isinstance(answer.error, RefusedError)} == {"saved"}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_pages_add_up_to_the_list(world: World, flavour: Flavour) -> None:
    client = world.clients[flavour]
    for whole in world.listed(flavour):
        if not whole.body:
            continue
        ask: Ask | None = Ask("p", whole.ask.token, whole.ask.path, {**whole.ask.params, "limit": "1"}, whole.ask.pool)
        got: list[str] = []
        while ask is not None:
            page = client.get(ask)
            assert page.body is not None
            got += [row["id"] for row in page.body["data"]]
            ask = next_page(ask, page.body)
        assert got == [row["id"] for row in whole.body["data"]]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_node_is_read_again_and_a_foreign_one_is_out_of_sight(world: World, flavour: Flavour) -> None:
    ask, media_id = live(world, flavour)[0]
    again = world.clients[flavour].get(story(media_id, ask.token, pool=ask.pool, key="k"))
    assert again.body is not None
    assert again.body["id"] == media_id
    nobody = world.clients[flavour].get(story("18099999999999999", ask.token, pool=ask.pool, key="k"))
    assert isinstance(nobody.error, GoneError)


def test_a_facebook_token_is_inspected_and_exchanged(world: World) -> None:
    client = world.clients["facebook"]
    token, ig_user_id = world.token_and_id("facebook")
    facts = debug_token(client, token)
    row = next(row for row in world.accounts if row["ig_user_id"] == ig_user_id)
    assert facts.is_valid
    assert facts.expires_at == (parse_time(row["token_expires_at"]) if row["token_expires_at"] else None)
    assert "instagram_basic" in facts.scopes
    new = exchange_facebook(client, token, NOW)
    assert new.expires_at is not None
    assert new.expires_at > NOW + timedelta(days=59)
    assert debug_token(client, new.token).is_valid


def test_an_instagram_token_is_inspected_and_refreshed(world: World) -> None:
    client = world.clients["instagram"]
    token, ig_user_id = world.token_and_id("instagram")
    assert me(client, token).ig_user_id == ig_user_id
    assert inspect(client, token).is_valid
    new = refresh_instagram(client, token, NOW)
    assert new.expires_at is not None
    assert new.expires_at > NOW + timedelta(days=59)
    with pytest.raises(RefusedError):  # a new token is not yet 24 hours old
        refresh_instagram(client, new.token, NOW)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_token_past_its_end_is_dead_and_cannot_be_renewed(world: World, flavour: Flavour) -> None:
    client = world.clients[flavour]
    token, _ = world.token_and_id(flavour)
    world.control("clock", {"now": (NOW + timedelta(days=400)).isoformat()})
    facts = inspect(client, token)
    assert (facts.is_valid, facts.reason) == (False, "token_expired")
    with pytest.raises(ReconnectError) as caught:
        (exchange_facebook if flavour == "facebook" else refresh_instagram)(client, token, NOW)
    assert caught.value.reason == "token_expired"


def test_a_token_of_the_other_flavour_is_invalid(world: World) -> None:
    token, ig_user_id = world.token_and_id("instagram")
    for answer in (
        world.clients["facebook"].get(stories(ig_user_id, token, key="k")),
        next(world.clients["facebook"].answer([stories(ig_user_id, token, key="k")]))[0],
    ):
        assert isinstance(answer.error, ReconnectError)
        assert answer.error.reason == "token_invalid"


def test_a_wrong_app_secret_is_the_apps_matter(world: World) -> None:
    client = GraphClient(settings_of(world.running, "facebook", "wrong-secret"), sleep=lambda _: None)
    token, ig_user_id = world.token_and_id("facebook")
    [[answer]] = client.answer([stories(ig_user_id, token, key="k")])
    assert type(answer.error) is RequestError
    assert type(client.get(stories(ig_user_id, token, key="k")).error) is RequestError


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("http_500", TransientError),
        ("html_503", TransientError),
        ("garbage", UnreadableError),
        ("throttle", ThrottledError),
        ("error_190_458", ReconnectError),
        ("error_190_460", ReconnectError),
        ("error_100_33", GoneError),
        ("error_24_2207006", GoneError),
        ("error_100_2108006", RefusedError),
        ("error_10", PermissionMissingError),
        ("error_1", TransientError),
        ("error_80001", ThrottledError),
        ("error_2500", RequestError),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_fault_of_one_account_is_its_own(world: World, flavour: Flavour, kind: str, error: type[GraphError]) -> None:
    _, ill = world.token_and_id(flavour)
    before = {answer.ask.pool: answer.body for answer in world.listed(flavour) if answer.body}
    world.control("faults", [{"kind": kind, "ig_user_id": ill, "minutes": 7}])
    answers = {answer.ask.pool: answer for answer in world.listed(flavour)}
    assert type(answers[ill].error) is error
    if kind == "throttle":
        assert answers[ill].error.wait == timedelta(minutes=7)  # type: ignore[union-attr]
    well = {pool for pool, answer in answers.items() if answer.body}
    assert well == before.keys() - {ill}


@pytest.mark.parametrize(
    ("flavour", "kind"),
    [(flavour, kind) for flavour in FLAVOURS for kind in ("http_500", "html_503", "lost")] + [("instagram", "cut")],
)
def test_what_passes_after_two_attempts_costs_nothing(world: World, flavour: Flavour, kind: str) -> None:
    before = {answer.ask.pool for answer in world.listed(flavour) if answer.body}
    _, ill = world.token_and_id(flavour)
    world.control("faults", [{"kind": kind, "ig_user_id": ill, "times": 2}])
    assert {answer.ask.pool for answer in world.listed(flavour) if answer.body} == before


def test_a_cut_item_in_a_whole_batch_keeps_its_bytes(world: World) -> None:
    _, ill = world.token_and_id("facebook")
    world.control("faults", [{"kind": "cut", "ig_user_id": ill}])
    answer = next(answer for answer in world.listed("facebook") if answer.ask.pool == ill)
    assert isinstance(answer.error, UnreadableError)
    assert answer.raw.startswith(b'{"data":')


def test_a_connection_that_is_always_cut_is_unreachable(world: World) -> None:
    token, ill = world.token_and_id("instagram")
    world.control("faults", [{"kind": "cut", "ig_user_id": ill}])
    assert isinstance(world.clients["instagram"].get(stories(ill, token, key="k")).error, UnreachableError)
