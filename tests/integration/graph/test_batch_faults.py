"""What befalls a batch as a whole, and what an item of it may do to its neighbours."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from storykeep.graph.batch import SEARCH_REQUESTS
from storykeep.graph.endpoints import insights
from storykeep.graph.errors import RequestError, ThrottledError, TransientError, UnreadableError
from storykeep.graph.metrics import STORY_GROUPS

from .conftest import Crowd, answered
from .tcp_proxy import only, proxied, rewritten
from .test_faults import APP_THROTTLES, ATTEMPTS, THROTTLES, ids, rounds, truth

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("kind", ["http_500", "html_503", "error_1", "lost", "cut", "garbage"])
def test_f03_three_in_ten_batches_fail_and_no_ask_is_lost(crowd: Crowd, kind: str) -> None:
    asks = crowd.asks("facebook", 80)
    known = truth(crowd, "facebook", asks)
    crowd.befall({"kind": kind, "rate": 0.3, "endpoint": "batch"})
    for answer in answered(crowd.client("facebook"), asks):
        assert answer.error or ids(answer) == known[answer.ask.key]
        if answer.error:
            assert isinstance(answer.error, TransientError | UnreadableError)


@pytest.mark.parametrize(
    "fault",
    [*APP_THROTTLES.values(), *THROTTLES.values()],
    ids=[*APP_THROTTLES, *THROTTLES],
)
def test_f04_a_batch_that_is_throttled_as_a_whole_is_the_apps_matter_and_ends_it(
    crowd: Crowd, fault: dict[str, Any]
) -> None:
    asks = rounds(crowd.asks("facebook", 60), 3)
    crowd.befall({**fault, "endpoint": "batch"})
    answers = answered(crowd.client("facebook"), asks)
    assert all(isinstance(answer.error, ThrottledError) and answer.error.scope == "app" for answer in answers)
    assert crowd.requests() == 1


def test_f04_what_is_left_unfinished_is_not_asked_again_of_a_pool_that_was_throttled_meanwhile(crowd: Crowd) -> None:
    [victim, other] = crowd.asks("facebook", 2)
    barred = insights("18000000000000001", victim.token, STORY_GROUPS[0], pool=victim.pool, key="insights")
    crowd.befall(
        {"kind": "lost", "endpoint": "stories"},
        {"kind": "throttle", "endpoint": "insights", "ig_user_id": victim.pool},
    )
    answers = answered(crowd.client("facebook"), [victim, barred, other])
    assert [type(answer.error) for answer in answers] == [ThrottledError, ThrottledError, TransientError]
    assert crowd.calls() == {victim.pool: 2, other.pool: ATTEMPTS}


@pytest.mark.parametrize("failures", [ATTEMPTS, ATTEMPTS + 1])
def test_f04_the_search_for_one_bad_item_ends_when_the_app_is_throttled(crowd: Crowd, failures: int) -> None:
    crowd.befall({"kind": "http_500", "endpoint": "batch", "times": failures}, {"kind": "error_4", "endpoint": "batch"})
    answers = answered(crowd.client("facebook"), rounds(crowd.asks("facebook", 50), 2))
    assert crowd.requests() == failures + 1
    assert all(isinstance(answer.error, ThrottledError) for answer in answers)


def test_f04_an_app_that_is_throttled_while_asking_again_is_sent_no_further_chunk(crowd: Crowd) -> None:
    asks = crowd.asks("facebook", 60)
    crowd.befall({"kind": "lost", "ig_user_id": asks[0].pool})
    client = crowd.client("facebook", sleep=lambda _: crowd.befall({"kind": "error_4", "endpoint": "batch"}))
    answers = answered(client, asks)
    assert crowd.requests() == 1
    assert isinstance(answers[0].error, ThrottledError)
    assert all(answer.body for answer in answers[1:50])
    assert all(isinstance(answer.error, ThrottledError) for answer in answers[50:])


SHAPES: dict[str, Callable[[list[Any]], Any]] = {
    "one item short": lambda items: items[:-1],
    "one item too many": lambda items: [*items, items[0]],
    "no items": lambda _: [],
    "an object": lambda items: {"data": items},
    "a text": lambda _: "items",
}


@pytest.mark.parametrize("name", SHAPES)
def test_f12_a_batch_of_another_length_or_shape_is_halved_until_it_fits(crowd: Crowd, name: str) -> None:
    """Whom an item belongs to is known by its place alone, so nothing of such a reply may be believed."""
    asks = crowd.asks("facebook", 50)
    known = truth(crowd, "facebook", asks)
    culprit = asks[31].pool
    spoilt = rewritten(lambda body: json.dumps(SHAPES[name](json.loads(body))).encode())
    with proxied(crowd.running.facebook) as proxy:
        proxy.befall(only(lambda request: culprit.encode() in request, spoilt))
        answers = answered(crowd.client("facebook", proxy.url), asks)
        cost = proxy.exchanges
    error = answers.pop(31).error
    assert isinstance(error, UnreadableError)
    del known[culprit]
    assert {answer.ask.key: ids(answer) for answer in answers} == known
    assert cost <= 1 + 2 * 6


@pytest.mark.parametrize("name", SHAPES)
def test_f12_batches_that_never_fit_leave_no_accounts_bytes_with_another(crowd: Crowd, name: str) -> None:
    asks = crowd.asks("facebook", 50)
    spoilt = rewritten(lambda body: json.dumps(SHAPES[name](json.loads(body))).encode())
    with proxied(crowd.running.facebook) as proxy:
        proxy.befall(spoilt)
        answers = answered(crowd.client("facebook", proxy.url), asks)
        assert proxy.exchanges <= 1 + SEARCH_REQUESTS
    assert all(isinstance(answer.error, UnreadableError) for answer in answers)
    pools = {ask.pool for ask in asks}
    for answer in answers:
        found = {pool for pool in pools if pool.encode() in answer.raw}
        assert found <= {answer.ask.pool}


@pytest.mark.parametrize("poison", [b"\xff\xfe\xff\xfe", b"\x00\x00\x00\x00", b'"}]"'])
def test_f10_bytes_that_spoil_the_whole_batch_cost_their_own_item_alone(crowd: Crowd, poison: bytes) -> None:
    asks = crowd.asks("facebook", 50)
    known = truth(crowd, "facebook", asks)
    crowd.befall({"kind": "body", "body": '{"data":[{"id":"MARK"}]}', "ig_user_id": asks[17].pool})
    with proxied(crowd.running.facebook) as proxy:
        proxy.befall(rewritten(lambda body: body.replace(b"MARK", poison)))
        answers = answered(crowd.client("facebook", proxy.url), asks)
    poisoned = answers.pop(17)
    assert isinstance(poisoned.error, UnreadableError)
    assert poison in poisoned.raw
    assert all(ids(answer) == known[answer.ask.key] for answer in answers)


def test_f06_a_refused_app_costs_one_request_and_is_no_accounts_fault(crowd: Crowd) -> None:
    for kind in ("error_190", "error_190_460", "error_10", "error_200", "error_104", "error_100_33"):
        crowd.befall({"kind": kind, "endpoint": "batch"})
        answers = answered(crowd.client("facebook"), crowd.asks("facebook", 50))
        assert {type(answer.error) for answer in answers} == {RequestError}
        assert crowd.requests() == 1
