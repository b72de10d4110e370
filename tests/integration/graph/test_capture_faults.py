"""F-05 and F-09 to F-12 in the warehouse: what lands, what is kept apart, and under which cause."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from storykeep.capture.engine import raise_trouble
from storykeep.errors import StorykeepError
from storykeep.graph import retry
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import FLAVOURS, Flavour, Settings

from .conftest import EVENING, Crowd, Scene, answered, some_accounts, staged

pytestmark = pytest.mark.integration

QUARTER = timedelta(minutes=15)
Nodes = list[dict[str, Any]]


@dataclass(frozen=True)
class Poison:
    """What becomes of a page of stories, and the words for it in `raw.dead_letters` ("" when all of it lands).

    `costs` says what does not land: nothing, the first node, or the page.
    """

    spoil: Callable[[Nodes], str]
    costs: str
    reason: str = ""


def listing(nodes: Sequence[Any]) -> str:
    return json.dumps({"data": nodes, "paging": {"cursors": {"before": "b", "after": "a"}}})


def first(**changes: Any) -> Callable[[Nodes], str]:
    """The first node with other fields; None takes one away."""

    def spoil(nodes: Nodes) -> str:
        node = {name: value for name, value in {**nodes[0], **changes}.items() if value is not None}
        return listing([node, *nodes[1:]])

    return spoil


def instead(node: Any) -> Callable[[Nodes], str]:
    return lambda nodes: listing([node, *nodes[1:]])


def text(body: str) -> Callable[[Nodes], str]:
    return lambda _: body


def doubled(nodes: Nodes) -> str:
    return listing(nodes).replace('{"id"', '{"id": "1", "id"', 1)


def nested(levels: int) -> Any:
    return json.loads("[" * levels + "]" * levels)


POISONS: dict[str, Poison] = {
    "extra fields": Poison(first(new_field={"a": [None]}, media_type="HOLOGRAM"), ""),
    "missing fields": Poison(first(caption=None, media_url=None, permalink=None, media_type=None, username=None), ""),
    "null arrays": Poison(lambda nodes: first(children=[None], collaborators=[])(nodes), ""),
    "types changed": Poison(first(like_count="7", comments_count={"n": 1}, caption=5, owner="somebody"), ""),
    "id as a number": Poison(lambda nodes: first(id=int(nodes[0]["id"]))(nodes), ""),
    "numbers above 2^53": Poison(first(ig_id=2**63 + 1, like_count=2**70), ""),
    "emoji and directions": Poison(first(caption="\u202e\u200b\U0001f468\u200d\U0001f469\u200d\U0001f467 \ufeff"), ""),
    "caption of 10 MB": Poison(first(caption="x" * 10_000_000), ""),
    "nested, but not too deep": Poison(first(new_field=nested(60)), ""),
    "nul": Poison(first(caption="a\x00b"), "node", "NUL"),
    "half a surrogate": Poison(first(caption="\ud83d"), "node", "surrogate"),
    "a number too large": Poison(
        lambda nodes: first(like_count="HERE")(nodes).replace('"HERE"', "1e999"), "node", "number is too large"
    ),
    "duplicate keys": Poison(doubled, "node", "names a key twice"),
    "no id": Poison(first(id=None), "node", "without a decimal id"),
    "id of letters": Poison(first(id="18 or 1=1"), "node", "without a decimal id"),
    "id as a float": Poison(first(id=1.8e16), "node", "without a decimal id"),
    "no timestamp": Poison(first(timestamp=None), "node", "is not a time"),
    "timestamp of no calendar": Poison(first(timestamp="2026-13-45T00:00:00+0000"), "node", "is not a time"),
    "a node that is null": Poison(instead(None), "node", "without a decimal id"),
    "a node that is a list": Poison(instead([[]]), "node", "without a decimal id"),
    "no list": Poison(text('{"data": {"id": "1"}}'), "page", "no list 'data'"),
    "a null list": Poison(text('{"data": null}'), "page", "no list 'data'"),
    "nested too deep": Poison(first(new_field=nested(300)), "page", "more than 100 levels"),
    "HTML with 200": Poison(text("<!DOCTYPE html><html><body>Sorry</body></html>"), "page", "HTML instead of JSON"),
    "cut": Poison(lambda nodes: listing(nodes)[:-9], "page", "not whole JSON"),
    "NaN": Poison(lambda nodes: listing(nodes).replace('"b"', "NaN", 1), "page", "not whole JSON"),
}
CASES = [(name, flavour) for name in POISONS for flavour in FLAVOURS]


@dataclass
class Poisoned:
    """The warehouse after a tick in which each poison befell an account of its own, and another without poison."""

    scene: Scene
    victims: dict[tuple[str, Flavour], str]
    well: list[str]

    def of(self, ig_user_id: str, columns: str, table: str, where: str = "true") -> list[tuple[Any, ...]]:
        return self.scene.all(
            f"select {columns} from raw.{table} join app.accounts using (account_id)"  # noqa: S608 (fixed names)
            f" where ig_user_id = %s and {where}",
            ig_user_id,
        )

    def live(self, ig_user_id: str) -> set[str]:
        return {story_id for story_id, story in self.truth.items() if story["ig_user_id"] == ig_user_id}

    def __post_init__(self) -> None:
        self.scene.now = EVENING
        self.truth = self.scene.live()


@pytest.fixture(scope="module")
def poisoned(crowded: Crowd, new_warehouse: Callable[[], Settings], postgres: EmbeddedPostgres) -> Iterator[Poisoned]:
    lively = {flavour: crowded.lively(flavour) for flavour in FLAVOURS}
    victims = {(name, flavour): lively[flavour][list(POISONS).index(name)] for name, flavour in CASES}
    well = [lively[flavour][-1] for flavour in FLAVOURS]
    assert not set(well) & set(victims.values())
    pages = {
        answer.ask.pool: answer.body["data"]
        for flavour in FLAVOURS
        for answer in answered(crowded.client(flavour), crowded.asks(flavour, 100))
        if answer.body
    }
    accounts = some_accounts(crowded.text, lambda row: row["ig_user_id"] in {*victims.values(), *well})
    with pytest.MonkeyPatch.context() as patch, staged(crowded.running, new_warehouse(), postgres, accounts) as scene:
        patch.setattr(retry, "FIRST_WAIT", 0.0)
        faults = [
            {"kind": "body", "body": POISONS[name].spoil(pages[who]), "endpoint": "stories", "ig_user_id": who}
            for (name, _), who in victims.items()
        ]
        scene.control("POST", "faults", faults)
        scene.tick()
        scene.control("DELETE", "faults")
        scene.tick(QUARTER)
        yield Poisoned(scene, victims, well)


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_f09_f10_a_poisoned_page_costs_what_cannot_be_kept_and_nothing_else(
    poisoned: Poisoned, name: str, flavour: Flavour
) -> None:
    poison, victim = POISONS[name], poisoned.victims[name, flavour]
    letters = poisoned.of(victim, "reason", "dead_letters")
    assert len(letters) == (1 if poison.costs else 0)
    assert all(poison.reason in reason for (reason,) in letters)
    landed = {story for (story,) in poisoned.of(victim, "story_id", "stories", f"captured_at = '{EVENING}'")}
    lost = {"": 0, "node": 1, "page": len(poisoned.live(victim))}[poison.costs]
    assert landed <= poisoned.live(victim)
    assert len(landed) == len(poisoned.live(victim)) - lost
    [(status, cause)] = poisoned.of(victim, "status, cause", "story_listings", f"captured_at = '{EVENING}'")
    assert (status, cause) == (("failed", "api_unreachable") if poison.costs == "page" else ("ok", None))


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_f10_what_a_poison_cost_is_made_good_by_the_next_listing(
    poisoned: Poisoned, name: str, flavour: Flavour
) -> None:
    victim = poisoned.victims[name, flavour]
    landed = {story_id for (story_id,) in poisoned.of(victim, "story_id", "stories")}
    assert poisoned.live(victim) <= landed
    read = {
        story_id for (story_id,) in poisoned.of(victim, "story_id", "story_insights", "status in ('ok', 'withheld')")
    }
    assert poisoned.live(victim) <= read


def test_f10_the_accounts_without_poison_are_captured_whole(poisoned: Poisoned) -> None:
    for ig_user_id in poisoned.well:
        landed = poisoned.of(ig_user_id, "story_id", "stories", f"captured_at = '{EVENING}'")
        assert {story_id for (story_id,) in landed} == poisoned.live(ig_user_id)
        assert not poisoned.of(ig_user_id, "reason", "dead_letters")


@pytest.fixture
def dozen(crowd: Crowd, warehouse: Settings, postgres: EmbeddedPostgres) -> Iterator[Scene]:
    """Six accounts of each flavour with live stories."""
    few = {who for flavour in FLAVOURS for who in crowd.lively(flavour)[:6]}
    accounts = some_accounts(crowd.text, lambda row: row["ig_user_id"] in few)
    with staged(crowd.running, warehouse, postgres, accounts) as scene:
        yield scene


def captured_at(scene: Scene) -> set[str]:
    """The accounts with numbers of this time."""
    query = "select distinct ig_user_id from raw.story_insights join app.accounts using (account_id) where {}"
    return {who for (who,) in scene.all(query.format("status = 'ok' and captured_at = %s"), scene.now)}


INSIGHTS: dict[str, tuple[str, str]] = {
    "no list": ('{"data": null}', "no list 'data'"),
    "NUL in a name": ('{"data": [{"name": "a\\u0000", "values": [{"value": 1}]}]}', "NUL"),
    "duplicate keys": ('{"data": [{"name": "reach", "name": "views"}]}', "names a key twice"),
    "a number too large": ('{"data": [{"name": "reach", "values": [{"value": 1e999}]}]}', "number is too large"),
    "HTML with 200": ("<html></html>", "HTML instead of JSON"),
    "cut": ('{"data": [{"na', "not whole JSON"),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_f10_one_poisoned_reading_costs_no_other_and_is_asked_for_again(
    dozen: Scene, crowd: Crowd, flavour: Flavour
) -> None:
    victims = dict(zip(crowd.lively(flavour), INSIGHTS.values(), strict=False))
    assert len(victims) == len(INSIGHTS)
    once = {"kind": "body", "endpoint": "insights", "times": 1}
    dozen.control("POST", "faults", [{**once, "body": body, "ig_user_id": who} for who, (body, _) in victims.items()])
    run = dozen.tick()
    letters = dict(dozen.all("select ig_user_id, reason from raw.dead_letters join app.accounts using (account_id)"))
    assert letters.keys() == victims.keys()
    assert all(reason in letters[who] for who, (_, reason) in victims.items())
    assert captured_at(dozen) == everybody(dozen)
    waiting = "select ig_user_id from app.story_clock join app.accounts using (account_id) where tried_at is null"
    unread = {who for (who,) in dozen.all(waiting)}
    assert unread <= victims.keys()
    # Where asks go side by side, the poison may strike an optional metric, without which a story counts as read.
    assert len(victims.keys() - unread) == run.counts["optional_failed"]
    dozen.tick(timedelta(minutes=5))
    assert captured_at(dozen) >= unread
    assert not dozen.all(waiting)


def everybody(scene: Scene) -> set[str]:
    return {who for (who,) in scene.all("select ig_user_id from app.accounts")}


@pytest.mark.parametrize("kind", ["error_100_33", "error_24_2207006", "error_803", "empty"])
def test_f05_a_burst_over_all_accounts_ends_no_connection_and_no_storys_clock(dozen: Scene, kind: str) -> None:
    dozen.tick()
    before = dozen.all("select story_id, expires_at, is_refused from app.story_clock order by story_id")
    assert before
    dozen.control("POST", "faults", [{"kind": kind, "endpoint": "stories"}, {"kind": kind, "endpoint": "insights"}])
    for _ in range(3):
        dozen.tick(QUARTER)
    assert dozen.all("select distinct status from app.connections") == [("connected",)]
    assert dozen.all("select story_id, expires_at, is_refused from app.story_clock order by story_id") == before
    dozen.control("DELETE", "faults")
    dozen.tick(timedelta(hours=4, minutes=15))  # longer than any two readings of a story are apart
    still = dozen.all(
        "select read_at from app.story_clock where first_seen_at = %s and expires_at > %s", EVENING, dozen.now
    )
    assert set(still) == {(dozen.now,)}
    listed_now = "select count(*) from raw.story_listings where captured_at = %s and status = 'ok'"
    assert dozen.one(listed_now, dozen.now) == 12


def page(nodes: Nodes, after: str, times: int | None = 1, **scope: Any) -> dict[str, Any]:
    """The fault that gives these nodes as a page that goes on."""
    link = f"https://graph.example/stories?access_token=x&after={after}"
    body = json.dumps({"data": nodes, "paging": {"cursors": {"after": after}, "next": link}})
    return {"kind": "body", "body": body, "endpoint": "stories", "times": times, **scope}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("then", "cause"),
    [
        ({"kind": "error_100_33"}, "permission"),
        ({"kind": "garbage"}, "api_unreachable"),
        ({"kind": "http_500"}, "api_unreachable"),
        ({"kind": "throttle"}, "throttled"),
        ({"kind": "error_190_460"}, "token"),
        (None, "api_unreachable"),  # the same page again and again
    ],
    ids=["vanishes", "is garbage", "fails", "is throttled", "token dies", "loops"],
)
def test_f11_a_list_that_is_not_read_to_its_end_lands_in_part_and_says_so(
    dozen: Scene, crowd: Crowd, flavour: Flavour, then: dict[str, Any] | None, cause: str
) -> None:
    victim = crowd.lively(flavour)[0]
    nodes = listed(crowd, flavour, victim)
    scope = {"ig_user_id": victim}
    rest = {**then, "endpoint": "stories", **scope} if then else page(nodes[:1], "A", None, **scope)
    dozen.control("POST", "faults", [page(nodes[:1], "A", **scope), rest])
    run = dozen.tick()
    mine = "join app.accounts using (account_id) where ig_user_id = %s"
    assert dozen.all(f"select story_id from raw.stories {mine}", victim) == [(nodes[0]["id"],)]  # noqa: S608 (fixed)
    assert dozen.all(f"select status, cause from raw.story_listings {mine}", victim) == [("failed", cause)]  # noqa: S608 (fixed)
    assert {str(found): len(who) for found, who in run.causes.items()} == {cause: 1}
    assert dozen.one("select count(*) from raw.story_listings where status = 'ok'") == 11


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_f11_a_page_that_comes_twice_doubles_nothing(dozen: Scene, crowd: Crowd, flavour: Flavour) -> None:
    victim = crowd.lively(flavour)[0]
    nodes, scope = listed(crowd, flavour, victim), {"ig_user_id": crowd.lively(flavour)[0]}
    last = {"kind": "body", "body": listing(nodes[:1]), "endpoint": "stories", **scope}
    dozen.control("POST", "faults", [page(nodes, "A", **scope), page(nodes, "B", **scope), last])
    dozen.tick()
    landed = dozen.all(
        "select story_id from raw.stories join app.accounts using (account_id) where ig_user_id = %s", victim
    )
    assert sorted(landed) == sorted((node["id"],) for node in nodes)
    assert dozen.one("select count(*) from raw.story_listings where status = 'ok'") == 12


def listed(crowd: Crowd, flavour: Flavour, victim: str) -> Nodes:
    asks = [ask for ask in crowd.asks(flavour, 100) if ask.pool == victim]
    [answer] = answered(crowd.client(flavour), asks)
    assert answer.body
    nodes: Nodes = answer.body["data"]
    return nodes


def test_f12_when_78_of_81_accounts_fail_the_run_is_not_green_and_names_them_all(
    crowd: Crowd, warehouse: Settings, postgres: EmbeddedPostgres
) -> None:
    chosen = [row["ig_user_id"] for row in crowd.accounts("facebook")[:81]]
    well = set([who for who in chosen[20:] if who in crowd.lively("facebook")][:3])
    kinds = {
        "error_3": "our_outage",
        "garbage": "api_unreachable",
        "http_500": "api_unreachable",
        "throttle": "throttled",
    }
    ill = {who: list(kinds)[place % len(kinds)] for place, who in enumerate(chosen) if who not in well}
    assert (len(ill), len(well)) == (78, 3)
    accounts = some_accounts(crowd.text, lambda row: row["ig_user_id"] in chosen)
    with staged(crowd.running, warehouse, postgres, accounts) as scene:
        scene.control("POST", "faults", [{"kind": kind, "ig_user_id": who} for who, kind in ill.items()])
        run = scene.tick()
        names = dict(scene.all("select ig_user_id, username from app.accounts"))
        told = {str(cause): who for cause, who in run.causes.items()}
        assert told == {
            cause: {names[who] for who, kind in ill.items() if kinds[kind] == cause} for cause in set(kinds.values())
        }
        with pytest.raises(StorykeepError) as caught:
            raise_trouble(run.causes)
        assert all(f"@{names[who]}" in str(caught.value) for who in ill)
        rows = scene.all(
            "select ig_user_id, status, cause from raw.story_listings join app.accounts using (account_id)"
        )
        assert {(who, status, cause) for who, status, cause in rows} == {
            *((who, "failed", kinds[kind]) for who, kind in ill.items()),
            *((who, "ok", None) for who in well),
        }
        assert captured_at(scene) == well
