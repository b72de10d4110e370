"""Fifty asks in one POST, each with its own outcome."""

import hashlib
import hmac
import json
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.graph.fake_api import SECRET, Fake, ask, asked_number, batch_of, envelope, form, item, json_reply

from storykeep.graph.batch import CHUNK_SECONDS, PIECE
from storykeep.graph.client import Answer
from storykeep.graph.errors import (
    PermissionMissingError,
    ReconnectError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UnreadableError,
)
from storykeep.graph.usage import Pool

OUTCOMES = ("good", "null", "transient", "expired", "html", "odd", "poison")


def echo(batch_item: dict[str, Any]) -> dict[str, Any]:
    return item({"id": str(asked_number(batch_item))}, headers={"Facebook-API-Version": "v26.0"})


def all_good(request: requests.PreparedRequest) -> Any:
    return json_reply([echo(one) for one in batch_of(request)])


def one_chunk(fake: Fake, size: int) -> list[Answer]:
    [answers] = fake.client.answer([ask(number) for number in range(size)])
    assert [answer.ask.key for answer in answers] == list(range(size))
    return answers


def assert_own_body(answer: Answer) -> None:
    assert answer.error is None
    assert answer.body == {"id": str(answer.ask.key)}


def test_fifty_asks_are_one_request_with_every_secret_in_its_body() -> None:
    fake = Fake(all_good)
    answers = one_chunk(fake, 50)
    [request] = fake.requests
    assert (request.method, request.url) == ("POST", "http://graph.test/v26.0/")
    assert "Authorization" not in request.headers
    assert form(request)["access_token"] == f"111|{SECRET}"
    assert form(request)["include_headers"] == "true"
    first = batch_of(request)[0]
    proof = hmac.new(SECRET.encode(), b"EAAcanary0", hashlib.sha256).hexdigest()
    assert first == {
        "method": "GET",
        "relative_url": f"v26.0/0/stories?fields=id&access_token=EAAcanary0&appsecret_proof={proof}",
    }
    for answer in answers:
        assert_own_body(answer)
    assert answers[3].raw == b'{"id": "3"}'
    assert answers[3].api_version == "v26.0"


def test_chunks_are_of_50_and_lazy() -> None:
    fake = Fake(all_good)
    chunks = fake.client.answer([ask(number) for number in range(101)])
    assert not fake.requests
    assert len(next(chunks)) == 50
    assert len(fake.requests) == 1
    assert [len(chunk) for chunk in chunks] == [50, 1]


def test_usage_is_read_from_the_items_own_headers() -> None:
    usage = '{"pool0":[{"type":"instagram","call_count":81}]}'
    fake = Fake(lambda _: json_reply([item({}, headers={"X-Business-Use-Case-Usage": usage}), item({})]))
    first, second = one_chunk(fake, 2)
    assert first.usage is not None
    assert first.usage.of("pool0") == Pool(81)
    assert second.usage is None


def test_one_bad_token_costs_no_other() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        bad = item(envelope(190, 463, "EAAcanary7 has expired"), 400)
        return json_reply([bad if asked_number(one) == 7 else echo(one) for one in batch_of(request)])

    fake = Fake(reply)
    answers = one_chunk(fake, 50)
    error = answers.pop(7).error
    assert isinstance(error, ReconnectError)
    assert (error.reason, error.message) == ("token_expired", "*** has expired")
    for answer in answers:
        assert_own_body(answer)
    assert len(fake.requests) == 1


def test_a_missing_permission_is_named_by_what_was_asked() -> None:
    fake = Fake(lambda _: json_reply([item(envelope(10), 403)]))
    error = one_chunk(fake, 1)[0].error
    assert isinstance(error, PermissionMissingError)
    assert error.scope == "instagram_basic"


def test_what_was_not_finished_is_asked_again_and_nothing_else_is() -> None:
    sizes: list[int] = []

    def reply(request: requests.PreparedRequest) -> Any:
        batch = batch_of(request)
        sizes.append(len(batch))
        return json_reply([None if n >= 4 else echo(one) for n, one in enumerate(batch)])

    fake = Fake(reply)
    for answer in one_chunk(fake, 10):
        assert_own_body(answer)
    assert sizes == [10, 6, 2]


def test_asking_again_is_bounded() -> None:
    fake = Fake(lambda request: json_reply([None] * len(batch_of(request))))
    answers = one_chunk(fake, 10)
    assert all(type(answer.error) is TransientError for answer in answers)
    assert len(fake.requests) == 3


def test_one_failed_attempt_is_not_the_last_one() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        if len(fake.requests) == 2:
            return json_reply(envelope(2), 500)
        return json_reply([None if len(fake.requests) == 1 else echo(one) for one in batch_of(request)])

    fake = Fake(reply)
    for answer in one_chunk(fake, 10):
        assert_own_body(answer)
    assert len(fake.requests) == 3


def test_an_attempt_that_is_refused_leaves_the_items_with_what_they_last_got() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        return json_reply([None] * 10) if len(fake.requests) == 1 else json_reply(envelope(100), 400)

    fake = Fake(reply)
    assert all(type(answer.error) is TransientError for answer in one_chunk(fake, 10))
    assert len(fake.requests) == 2


def test_a_batch_that_fails_for_a_moment_is_sent_again_whole() -> None:
    failures = iter([json_reply(envelope(2), 500), (502, {}, b"<html>")])
    fake = Fake(lambda request: next(failures, None) or all_good(request))
    for answer in one_chunk(fake, 50):
        assert_own_body(answer)
    assert [len(batch_of(request)) for request in fake.requests] == [50, 50, 50]


@pytest.mark.parametrize(
    "failure",
    [
        json_reply(envelope(1), 500),
        (200, {}, b'[{"code": 200, "bo'),
        (413, {}, b"{}"),
        json_reply([None]),
        (200, {}, b"{}"),
    ],
)
def test_one_item_that_breaks_the_whole_batch_is_found_by_halving(failure: Any) -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        batch = batch_of(request)
        if any(asked_number(one) == 31 for one in batch):
            return failure if len(batch) > 1 or failure[0] != 200 else (200, {}, b"<html>")
        return json_reply([echo(one) for one in batch])

    fake = Fake(reply)
    answers = one_chunk(fake, 50)
    assert answers.pop(31).error is not None
    for answer in answers:
        assert_own_body(answer)
    assert len(fake.requests) <= 3 + 2 * 6


def test_a_dead_api_is_not_searched_for_long() -> None:
    fake = Fake(lambda _: json_reply(envelope(1), 500))
    answers = one_chunk(fake, 50)
    assert all(type(answer.error) is TransientError for answer in answers)
    assert len(fake.requests) <= 3 + 32
    assert fake.time.now < 2


def test_a_slow_api_is_not_searched_at_length() -> None:
    def reply(_: requests.PreparedRequest) -> Any:
        fake.time.now += 19
        return json_reply(envelope(1), 500)

    fake = Fake(reply)
    assert all(type(answer.error) is TransientError for answer in one_chunk(fake, 50))
    assert fake.time.now <= CHUNK_SECONDS


class SlowApi:
    """Waits for each slow item, and answers nobody when that takes longer than the client listens."""

    def __init__(self, slow: set[int], seconds: float) -> None:
        self.slow, self.seconds = slow, seconds
        self.fake = Fake(self, listens=True)

    def __call__(self, request: requests.PreparedRequest, listens: float) -> Any:
        batch = batch_of(request)
        takes = self.seconds * len(self.slow & {asked_number(one) for one in batch})
        self.fake.time.now += min(takes, listens)
        if takes > listens:
            raise requests.ReadTimeout
        return json_reply([echo(one) for one in batch])


@pytest.mark.parametrize("slow", [{3}, {3, 31}])
def test_a_slow_item_costs_no_other_one(slow: set[int]) -> None:
    api = SlowApi(slow, seconds=25)
    answers = one_chunk(api.fake, 45)
    assert {answer.ask.key for answer in answers if answer.error} == slow
    assert api.fake.time.now <= CHUNK_SECONDS


def test_many_slow_items_cost_no_more_than_the_time_of_a_chunk() -> None:
    api = SlowApi(set(range(0, 50, 7)), seconds=25)
    answers = one_chunk(api.fake, 50)
    assert all(answer.body or isinstance(answer.error, UnreachableError) for answer in answers)
    assert api.fake.time.now <= CHUNK_SECONDS


def test_what_is_slow_only_together_is_answered_in_pieces() -> None:
    api = SlowApi(set(range(50)), seconds=0.5)
    assert all(answer.body for answer in one_chunk(api.fake, 50))
    assert len(api.fake.requests) == 1 + 50 / PIECE


def test_an_item_without_a_body_is_asked_again() -> None:
    bare = iter([{"code": 500}, {"code": 200, "body": None}])
    fake = Fake(lambda request: json_reply([next(bare, None) or echo(one) for one in batch_of(request)]))
    assert_own_body(one_chunk(fake, 1)[0])
    assert len(fake.requests) == 3


def test_an_api_out_of_reach_is_not_searched_at_all() -> None:
    def reply(_: requests.PreparedRequest) -> Any:
        fake.time.now += 3
        raise requests.ConnectTimeout

    fake = Fake(reply)
    answers = [answer for chunk in fake.client.answer([ask(n) for n in range(1000)]) for answer in chunk]
    assert len(answers) == 1000
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert len(fake.requests) == 3
    assert fake.time.now < 12


def test_a_refused_app_token_is_laid_at_no_accounts_door() -> None:
    fake = Fake(lambda _: json_reply(envelope(190), 400))
    answers = one_chunk(fake, 50)
    assert all(type(answer.error) is RequestError for answer in answers)
    assert len(fake.requests) == 1


def test_a_throttled_batch_stops_the_app() -> None:
    fake = Fake(lambda _: json_reply(envelope(17), 400))
    answers = [answer for chunk in fake.client.answer([ask(n) for n in range(150)]) for answer in chunk]
    assert len(answers) == 150
    assert all(isinstance(answer.error, ThrottledError) and answer.error.scope == "app" for answer in answers)
    assert len(fake.requests) == 1


def test_a_throttled_account_is_left_out_of_the_next_chunk() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        throttled = item(envelope(80002), 400)
        return json_reply([throttled if asked_number(one) == 0 else echo(one) for one in batch_of(request)])

    fake = Fake(reply)
    list(fake.client.answer([ask(n) for n in range(50)] + [ask(0), ask(60)]))
    assert [asked_number(one) for one in batch_of(fake.requests[1])] == [60]


def test_an_ask_without_a_token_never_falls_back_to_the_apps() -> None:
    fake = Fake(all_good)
    blank = ask(1)
    blank = type(blank)(1, type(blank.token)(""), blank.path, blank.params, blank.pool)
    [[first, second]] = fake.client.answer([blank, ask(2)])
    assert isinstance(first.error, ReconnectError)
    assert_own_body(second)
    assert len(batch_of(fake.requests[0])) == 1


class Api:
    """Treats each ask by its plan; a failure of the moment heals after a while, if the plan says so."""

    def __init__(self, plan: list[tuple[str, int]], outages: list[bool]) -> None:
        self.plan = plan
        self.outages = iter(outages)
        self.seen: dict[int, int] = {}

    def __call__(self, request: requests.PreparedRequest) -> Any:
        if next(self.outages, False):
            raise requests.ReadTimeout
        batch = batch_of(request)
        if any(self.plan[asked_number(one)][0] == "poison" for one in batch):
            return 500, {}, b"<html>"
        return json_reply([self.outcome(one) for one in batch])

    def outcome(self, one: dict[str, Any]) -> Any:
        number = asked_number(one)
        kind, heals_after = self.plan[number]
        self.seen[number] = self.seen.get(number, 0) + 1
        if kind in ("null", "transient") and self.seen[number] > heals_after:
            return echo(one)
        return {
            "good": echo(one),
            "null": None,
            "transient": item(envelope(2), 500),
            "expired": item(envelope(190, 463), 400),
            "html": {"code": 200, "body": "<html>"},
            "odd": ["what"],
        }[kind]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 4)), min_size=1, max_size=120),
    st.lists(st.booleans(), max_size=6),
)
def test_any_pattern_of_failures_gives_each_ask_exactly_one_answer(
    plan: list[tuple[str, int]], outages: list[bool]
) -> None:
    fake = Fake(Api(plan, outages))
    asks = [ask(number) for number in range(len(plan))]
    answers = [answer for chunk in fake.client.answer(asks) for answer in chunk]
    assert [answer.ask for answer in answers] == asks
    for answer, (kind, _) in zip(answers, plan, strict=True):
        if answer.body is not None:
            assert_own_body(answer)
            assert kind in ("good", "null", "transient")
        elif kind == "good":
            assert isinstance(answer.error, TransientError)  # only a whole batch that failed may cost a good one
    if not any(outages) and not any(kind == "poison" for kind, _ in plan):
        for answer, (kind, heals_after) in zip(answers, plan, strict=True):
            assert (answer.body is not None) == (kind == "good" or (kind in ("null", "transient") and heals_after < 3))


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 49), max_size=3))
def test_up_to_three_poisonous_items_cost_nobody_else(poison: set[int]) -> None:
    fake = Fake(Api([("poison" if n in poison else "good", 0) for n in range(50)], []))
    answers = one_chunk(fake, 50)
    assert {answer.ask.key for answer in answers if answer.error} == poison


@settings(deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_item_is_survived(value: Any) -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        odd = {"code": 200, "headers": value, "body": json.dumps(value)}
        return json_reply([[value, odd, echo(one)][asked_number(one) % 3] for one in batch_of(request)])

    _, _, good = one_chunk(Fake(reply), 3)
    assert_own_body(good)


def test_an_unreadable_item_keeps_its_bytes() -> None:
    fake = Fake(lambda _: json_reply([{"code": 200, "body": "<html>\ud83d"}]))
    answer = one_chunk(fake, 1)[0]
    assert isinstance(answer.error, UnreadableError)
    assert answer.raw.startswith(b"<html>")
