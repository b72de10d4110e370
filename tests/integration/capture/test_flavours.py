"""The two flavours do not wait for each other; within one, a chunk is landed before the next is sent."""

from collections.abc import Iterator, Sequence
from threading import Event

import pytest

from storykeep.capture import tick
from storykeep.capture.asks import key_of
from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.settings import FLAVOURS, Flavour
from storykeep.warehouse import connect

from .conftest import Scene

pytestmark = pytest.mark.integration

SECONDS = 10
LANDED = (
    "select account_id from raw.story_listings join app.connections using (account_id)"
    " where login_flavour = %s and story_listings.status = 'ok'"
)


@pytest.mark.parametrize("slow", FLAVOURS)
def test_a_host_that_is_slow_holds_up_its_own_flavour_only(
    scene: Scene, slow: Flavour, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other,) = set(FLAVOURS) - {slow}
    the_other_has_landed = Event()

    class Slow(GraphClient):
        def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
            assert the_other_has_landed.wait(SECONDS)
            yield from super().answer(asks)

    keep_pools = tick.Tick.keep_pools

    def landed(self: tick.Tick, answers: Sequence[Answer]) -> None:
        keep_pools(self, answers)
        if self.connections[key_of(answers[0].ask).account_id].login_flavour == other:
            the_other_has_landed.set()

    monkeypatch.setattr(tick.Tick, "keep_pools", landed)
    clients = scene.clients()
    clients[slow] = Slow(clients[slow].api)
    capture(scene.conn, scene.settings, clients, fixed_clock(scene.now), "tick")
    for flavour in FLAVOURS:
        assert len(scene.all(LANDED, flavour)) > 3


def test_a_chunk_is_committed_before_the_next_of_its_flavour_is_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick, "CHUNK", 2)
    sent: dict[str, list[str]] = {flavour: [] for flavour in FLAVOURS}

    class Watching(GraphClient):
        def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
            mine = sent[self.api.flavour]
            with connect(scene.settings.warehouse, "storykeep_ingest") as conn:
                landed = conn.execute("select account_id from app.account_clock").fetchall()
            assert {(account_id,) for account_id in mine} <= set(landed)
            mine += [key_of(ask).account_id for ask in asks]
            yield from super().answer(asks)

    clients = {flavour: Watching(client.api) for flavour, client in scene.clients().items()}
    capture(scene.conn, scene.settings, clients, fixed_clock(scene.now), "tick")
    assert all(len(set(accounts)) > 4 for accounts in sent.values())


def test_a_pool_that_begins_to_rest_is_sent_no_later_chunk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "CHUNK", 1)
    scene.control("DELETE", "log")
    scene.fault("app_throttle", minutes=30)
    scene.tick()
    assert sum(row["requests"] for row in scene.control("GET", "log")["calls"]) <= len(FLAVOURS)


def test_an_answer_that_cannot_be_had_ends_the_tick_and_not_the_process(scene: Scene) -> None:
    class Broken(GraphClient):
        def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
            raise RuntimeError("broken")

    clients = scene.clients()
    clients["instagram"] = Broken(clients["instagram"].api)
    with pytest.raises(RuntimeError, match="broken"):
        capture(scene.conn, scene.settings, clients, fixed_clock(scene.now), "tick")
    assert scene.all("select status from app.runs") == [("failed",)]
