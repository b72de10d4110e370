"""What holds for any reply, any pattern of failures and any split into pages."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake, asked_number, batch_of, envelope, item, json_reply, query

from storykeep.graph.asks import Ask
from storykeep.graph.batch import MAX_ITEMS, SEARCH_REQUESTS
from storykeep.graph.errors import RULES, GraphError, Rule, ThrottledError, classify
from storykeep.graph.paging import has_more, next_page
from storykeep.graph.replies import Reply, read
from storykeep.graph.usage import Usage, parse_usage

WORDS = (
    *("data", "paging", "cursors", "after", "next", "error", "code", "error_subcode"),
    *("message", "is_transient", "call_count", "type", "id"),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS | st.sampled_from(["1", "190", 190, 10, 4, "https://x/?after=a", "http://[", 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner),
    max_leaves=12,
)
HEADERS = st.sampled_from(["x-app-usage", "x-business-use-case-usage", "facebook-api-version", "x"])
ASK = Ask("k", SecretStr("EAAcanary"), "1/stories", {"fields": "id"}, "1")


@given(
    st.integers(0, 999),
    st.dictionaries(HEADERS, st.text() | JSON.map(json.dumps)),
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([dict, list]),
    st.lists(st.text(), max_size=3),
)
def test_any_reply_is_read_as_a_body_or_an_error(
    status: int, headers: dict[str, str], raw: bytes, shape: type, secrets: list[str]
) -> None:
    result = read(Reply(status, headers, raw), shape=shape, secrets=secrets)
    assert (result.body is None) == isinstance(result.error, GraphError)
    assert result.body is None or isinstance(result.body, shape)
    assert result.error is None or str(result.error).isprintable()
    assert result.usage is None or isinstance(result.usage, Usage)


@given(st.integers(0, 999), JSON, st.lists(st.text(), max_size=3))
def test_any_json_is_an_error_of_the_table_or_of_its_status(status: int, body: Any, secrets: list[str]) -> None:
    error = classify(status, body, secrets=secrets)
    assert isinstance(error, GraphError)
    assert len(str(error)) <= 500


@given(st.dictionaries(HEADERS, st.text() | JSON.map(json.dumps)))
def test_any_usage_header_is_usage_or_nothing(headers: dict[str, str]) -> None:
    usage = parse_usage(headers)
    pools = [pool for pool in (usage.app, usage.of("1"), *usage.pools.values()) if pool] if usage else []
    assert all(0 <= pool.percent <= 100_000 and 0 <= pool.regain_minutes <= 24 * 60 for pool in pools)


@given(JSON)
def test_any_page_leads_to_another_or_ends_the_list(body: Any) -> None:
    following = next_page(ASK, body)
    assert following is None or (has_more(body) and following.params["after"] == following.cursors[-1])


@pytest.mark.parametrize("depth", [100, 900, 1100, 100_000])
def test_no_depth_of_nesting_is_too_much(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for raw in (deep, f'{{"data": {deep}}}', f'{{"error": {{"code": {deep}, "message": {deep}}}}}'):
        read(Reply(200, {"x-app-usage": raw}, raw.encode()))
    fake = Fake(lambda _: (200, {}, f'[{deep}, {{"code": 200, "body": {deep}}}]'.encode()))
    [[first, second]] = fake.client.answer([asked(0), asked(1)])
    assert first.error
    assert second.error


# What an item may be answered with; a rule stands for the error that it describes.
Outcome = str | Rule
ITEMS = st.sampled_from(["good", "good", "null", "odd", "html", "empty", *RULES])
WHOLES = st.sampled_from(
    ["fine", "fine", "fine", "500", "html", "cut", "short", "long", "timeout", "reset", "4", "429"]
)
POOLS = 3


def asked(number: int) -> Ask:
    return Ask(number, SecretStr(f"EAAcanary{number}"), f"{number}/stories", {"fields": "id"}, f"pool{number % POOLS}")


class Model:
    """An API that fails by plan, and that notes whatever is sent after it has told to be quiet.

    `plan` has the outcomes of each ask's successive sendings, `wholes` those of the successive requests; when a plan
    has run out all is well.
    """

    def __init__(self, plan: list[list[Outcome]], wholes: list[str]) -> None:
        self._items = [iter(outcomes) for outcomes in plan]
        self._wholes = iter(wholes)
        self._silenced: set[str] = set()
        self.trespasses: list[str] = []

    def __call__(self, request: requests.PreparedRequest) -> Any:
        numbers = [asked_number(one) for one in self._asked(request)]
        for pool in ("app", *(asked(number).pool for number in numbers)):
            if pool in self._silenced:
                self.trespasses.append(pool)
        items = [self._item(number) for number in numbers]
        return self._whole(request, numbers, items)

    def _asked(self, request: requests.PreparedRequest) -> list[dict[str, Any]]:
        if request.method == "POST":
            return batch_of(request)
        return [{"relative_url": (request.url or "").removeprefix("http://graph.test/")}]

    def _item(self, number: int) -> Outcome:
        return next(self._items[number], "good")

    def _whole(self, request: requests.PreparedRequest, numbers: list[int], outcomes: list[Outcome]) -> Any:
        whole = next(self._wholes, "fine")
        if whole == "timeout":
            raise requests.ReadTimeout
        if whole == "reset":
            raise requests.ConnectionError
        if whole in ("500", "html", "cut"):
            return {"500": (500, {}, b"{}"), "html": (503, {}, b"<html>"), "cut": (200, {}, b'[{"code"')}[whole]
        if whole in ("4", "429"):
            self._silence("app" if request.method == "POST" or whole == "4" else asked(numbers[0]).pool)
            return json_reply(envelope(4), 403) if whole == "4" else (429, {}, b"slow down")
        items = [self._answer(number, outcome) for number, outcome in zip(numbers, outcomes, strict=True)]
        if request.method != "POST":
            self._hear(numbers, outcomes)
            return plain(items[0])
        if whole == "short":
            return json_reply(items[:-1])
        if whole == "long":
            return json_reply([*items, None])
        self._hear(numbers, outcomes)
        return json_reply(items)

    def _hear(self, numbers: list[int], outcomes: list[Outcome]) -> None:
        """From here on the client knows who is throttled."""
        for number, outcome in zip(numbers, outcomes, strict=True):
            if isinstance(outcome, Rule) and outcome.kind is ThrottledError:
                self._silence("app" if outcome.details["scope"] == "app" else asked(number).pool)

    def _silence(self, pool: str) -> None:
        self._silenced.add(pool)

    def _answer(self, number: int, outcome: Outcome) -> Any:
        if isinstance(outcome, Rule):
            return item(envelope(outcome.code, outcome.subcode, outcome.text or "it failed"), 400)
        return {
            "good": item({"id": str(number)}),
            "null": None,
            "odd": {"code": "what"},
            "html": {"code": 200, "body": "<html>"},
            "empty": {"code": 200},
        }[outcome]


def plain(batch_item: Any) -> Any:
    """A batch item as a reply of its own."""
    if not isinstance(batch_item, dict):
        return 500, {}, b""
    return batch_item["code"] if isinstance(batch_item["code"], int) else 200, {}, batch_item.get("body", "").encode()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["facebook", "instagram"]),
    st.integers(1, 16) | st.integers(51, 110),
    st.lists(st.lists(ITEMS, min_size=1, max_size=3), min_size=16, max_size=16),
    st.just([]) | st.lists(WHOLES, max_size=12),
)
def test_any_pattern_of_failures_gives_each_ask_one_answer_and_sends_nothing_to_who_is_throttled(
    flavour: Any, size: int, pattern: list[list[Outcome]], wholes: list[str]
) -> None:
    plan = [pattern[number % len(pattern)] for number in range(size)]
    model = Model(plan, wholes)
    fake = Fake(model, flavour)
    asks = [asked(number) for number in range(len(plan))]
    answers = [answer for chunk in fake.client.answer(asks) for answer in chunk]
    assert [answer.ask for answer in answers] == asks
    for answer in answers:
        assert answer.error is not None or answer.body == {"id": str(answer.ask.key)}
        assert answer.error is None or not isinstance(answer.error, ThrottledError) or answer.body is None
    assert model.trespasses == []
    chunks = -(-len(asks) // MAX_ITEMS)
    bound = chunks * (3 + SEARCH_REQUESTS + 2) if flavour == "facebook" else 3 * len(asks)
    assert len(fake.requests) <= bound


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 5), max_size=20),
    st.lists(st.sampled_from(["cursors", "link", "both"]), min_size=20, max_size=20),
    st.sampled_from(["no paging", "null paging", "after alone", "before alone", "an empty page"]),
    st.sampled_from(["facebook", "instagram"]),
)
def test_any_split_of_a_list_into_pages_gives_the_same_list(
    sizes: list[int], quirks: list[str], ending: str, flavour: Any
) -> None:
    rows = [{"id": str(number)} for number in range(sum(sizes))]
    pages = dict(paged(rows, sizes, quirks, ending))

    def reply(request: requests.PreparedRequest) -> Any:
        return json_reply(pages[query(request).get("after", "")])

    fake, found = Fake(reply, flavour), list[Any]()
    ask: Ask | None = ASK
    while ask is not None:
        answer = fake.client.get(ask)
        assert answer.body is not None
        found += answer.body["data"]
        ask = next_page(ask, answer.body)
    assert found == rows
    assert not has_more(answer.body)
    assert len(fake.requests) == len(pages)


def paged(
    rows: list[dict[str, str]], sizes: list[int], quirks: list[str], ending: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pages by the cursor that leads to them, with the quirks that the API is known for."""
    here, start = "", 0
    ends = [*sizes, 0] if ending == "an empty page" or not sizes else sizes
    for number, size in enumerate(ends):
        there = f"cursor {number}&/="
        link = f"https://graph.test/v26.0/1/stories?access_token=canary&after={quote(there, safe='')}"
        quirk = quirks[number % len(quirks)]
        cursors = {"before": "b", **({"after": there} if quirk != "link" else {})}
        body: dict[str, Any] = {"data": rows[start : start + size], "paging": {"cursors": cursors, "next": link}}
        if number == len(ends) - 1:
            body |= {
                "no paging": {"paging": {}},
                "null paging": {"paging": None},
                "after alone": {"paging": {"cursors": {"before": "b", "after": there}}},
                "before alone": {"paging": {"cursors": {"before": "b"}}},
                "an empty page": {},
            }[ending]
        yield here, body
        here, start = there, start + size
