"""F-03 to F-12 at the client: each ask gets its own answer, whatever befalls its neighbours."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storykeep.graph.client import Answer, Ask
from storykeep.graph.endpoints import insights, next_page
from storykeep.graph.errors import (
    GoneError,
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
from storykeep.graph.metrics import MetricGroup
from storykeep.graph.paging import MAX_PAGES, has_more
from storykeep.settings import FLAVOURS, Flavour

from .conftest import Crowd, answered

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("flavour", FLAVOURS)]

NOT_ENOUGH_VIEWERS = "(#10) Not enough viewers for the media to show insights"
ATTEMPTS = 3


def ids(answer: Answer) -> list[str]:
    """The stories of a good answer."""
    assert answer.body is not None, answer.error
    return [node["id"] for node in answer.body["data"]]


def truth(crowd: Crowd, flavour: Flavour, asks: Sequence[Ask]) -> dict[Any, list[str]]:
    return {answer.ask.key: ids(answer) for answer in answered(crowd.client(flavour), list(asks))}


def rounds(asks: Sequence[Ask], number: int) -> list[Ask]:
    """The same asks again and again, each with a key of its own."""
    return [replace(ask, key=(ask.key, turn)) for turn in range(number) for ask in asks]


@pytest.mark.parametrize("kind", ["http_500", "html_503", "error_1", "error_2", "lost", "cut"])
def test_f03_three_in_ten_calls_fail_and_every_ask_is_answered_once_at_a_bounded_cost(
    crowd: Crowd, flavour: Flavour, kind: str
) -> None:
    asks = crowd.asks(flavour, 80)
    known = truth(crowd, flavour, asks)
    crowd.befall({"kind": kind, "rate": 0.3, "endpoint": "stories"})
    answers = answered(crowd.client(flavour), asks)
    good = [answer for answer in answers if answer.error is None]
    assert all(ids(answer) == known[answer.ask.key] for answer in good)
    bad = {type(answer.error) for answer in answers} - {type(None)}
    calls = crowd.calls()
    if kind == "cut" and flavour == "facebook":  # an item that came, although not whole, is not asked for again
        assert bad == {UnreadableError}
        assert set(calls.values()) == {1}
    else:
        assert bad <= {TransientError, UnreachableError}
        assert len(good) > 70
        assert max(calls.values()) == ATTEMPTS
    crowd.befall()
    assert truth(crowd, flavour, [answer.ask for answer in answers if answer.error]) == {
        answer.ask.key: known[answer.ask.key] for answer in answers if answer.error
    }


THROTTLES: dict[str, dict[str, Any]] = {
    "17": {"kind": "error_17"},
    "32": {"kind": "error_32", "status": 403},
    "613": {"kind": "error_613"},
    "80001": {"kind": "error_80001"},
    "80002": {"kind": "throttle", "minutes": 9},
    "368": {"kind": "error_368"},
    "429 with JSON": {"kind": "body", "status": 429, "body": "{}"},
    "429 with HTML": {"kind": "body", "status": 429, "body": "<html>slow down</html>", "content_type": "text/html"},
}
APP_THROTTLES: dict[str, dict[str, Any]] = {
    "4": {"kind": "app_throttle"},
    "4 with 400": {"kind": "error_4", "status": 400},
    "341": {"kind": "error_341"},
}


@pytest.mark.parametrize("name", THROTTLES)
def test_f04_a_throttled_account_is_sent_nothing_more_and_the_others_are_answered(
    crowd: Crowd, flavour: Flavour, name: str
) -> None:
    asks = crowd.asks(flavour, 60)
    known = truth(crowd, flavour, asks)
    victims = {ask.pool for ask in asks[:20]}
    crowd.befall(*({**THROTTLES[name], "ig_user_id": victim, "endpoint": "stories"} for victim in victims))
    answers = answered(crowd.client(flavour), rounds(asks, 3))
    for answer in answers:
        if answer.ask.pool in victims:
            assert isinstance(answer.error, ThrottledError)
            assert answer.error.scope == "account"
            assert answer.error.wait == {"80002": timedelta(minutes=9), "368": timedelta(hours=6)}.get(name)
        else:
            assert ids(answer) == known[answer.ask.pool]
    assert crowd.calls() == {ask.pool: 1 if ask.pool in victims else 3 for ask in asks}


@pytest.mark.parametrize("name", APP_THROTTLES)
def test_f04_a_throttled_app_is_sent_nothing_more_at_all(crowd: Crowd, flavour: Flavour, name: str) -> None:
    asks = rounds(crowd.asks(flavour, 60), 3)
    crowd.befall({**APP_THROTTLES[name], "ig_user_id": asks[0].pool})
    answers = answered(crowd.client(flavour, concurrency=1), asks)
    sent = 50 if flavour == "facebook" else 1
    assert sum(crowd.calls().values()) == sent
    assert crowd.requests() == 1
    assert all(isinstance(answer.error, ThrottledError) for answer in (answers[0], *answers[sent:]))


def test_f05_a_burst_of_missing_objects_is_told_apart_from_any_other_error_and_costs_one_call_each(
    crowd: Crowd, flavour: Flavour
) -> None:
    asks = crowd.asks(flavour, 60)
    crowd.befall({"kind": "error_100_33", "endpoint": "stories"})
    assert {type(answer.error) for answer in answered(crowd.client(flavour), asks)} == {GoneError}
    assert set(crowd.calls().values()) == {1}


DEATHS = {
    "error_190": "token_invalid",
    "error_190_458": "app_removed",
    "error_190_459": "checkpointed",
    "error_190_460": "password_changed",
    "error_190_463": "token_expired",
    "error_190_464": "unconfirmed_user",
    "error_190_467": "logged_out",
    "error_190_492": "page_role_lost",
    "error_102": "token_invalid",
}


@pytest.mark.parametrize("status", [400, 401])
def test_f06_each_dead_token_is_its_own_accounts_matter_and_is_not_tried_again(
    crowd: Crowd, flavour: Flavour, status: int
) -> None:
    asks = crowd.asks(flavour, 60)
    known = truth(crowd, flavour, asks)
    deaths = dict(zip((ask.pool for ask in asks[::5]), DEATHS, strict=False))
    assert len(deaths) == len(DEATHS)
    crowd.befall(*({"kind": kind, "ig_user_id": pool, "status": status} for pool, kind in deaths.items()))
    for answer in answered(crowd.client(flavour), asks):
        if answer.ask.pool in deaths:
            assert isinstance(answer.error, ReconnectError)
            assert answer.error.reason == DEATHS[deaths[answer.ask.pool]]
        else:
            assert ids(answer) == known[answer.ask.pool]
    assert set(crowd.calls().values()) == {1}


@pytest.mark.parametrize("kind", ["error_10", "error_200", "error_230", "error_299"])
@pytest.mark.parametrize("status", [400, 403])
def test_f06_a_permission_that_was_withdrawn_is_named_and_is_no_dead_token(
    crowd: Crowd, flavour: Flavour, kind: str, status: int
) -> None:
    asks = crowd.asks(flavour, 10)
    crowd.befall({"kind": kind, "status": status, "ig_user_id": asks[3].pool})
    answers = answered(crowd.client(flavour), asks)
    error = answers.pop(3).error
    assert isinstance(error, PermissionMissingError)
    assert error.scope == ("instagram_basic" if flavour == "facebook" else "instagram_business_basic")
    assert all(answer.body for answer in answers)


@pytest.mark.parametrize("status", [400, 403])
def test_f07_few_viewers_and_a_missing_permission_share_a_code_and_are_told_apart(
    crowd: Crowd, flavour: Flavour, status: int
) -> None:
    asks = crowd.asks(flavour, 3)
    crowd.befall(
        {"kind": "error_10", "status": status, "message": NOT_ENOUGH_VIEWERS, "ig_user_id": asks[0].pool},
        {"kind": "error_10", "status": status, "ig_user_id": asks[1].pool},
    )
    answers = answered(crowd.client(flavour), asks)
    assert [type(answer.error) for answer in answers] == [WithheldError, PermissionMissingError, type(None)]


def test_f08_a_metric_that_the_api_has_not_costs_no_other_metric(crowd: Crowd, flavour: Flavour) -> None:
    [listing] = answered(crowd.client(flavour), crowd.asks(flavour, 1))
    media_id = ids(listing)[0]
    group = MetricGroup("core", ("reach", "a_metric_of_tomorrow", "views", "saved"))

    def answers(groups: Sequence[MetricGroup]) -> list[Answer]:
        asks = [
            insights(media_id, listing.ask.token, one, pool=listing.ask.pool, key=one.metrics[-1]) for one in groups
        ]
        return answered(crowd.client(flavour), asks)

    [together] = answers([group])
    assert isinstance(together.error, RefusedError)
    assert {answer.ask.key: type(answer.error) for answer in answers(group.singles())} == {
        "reach": type(None),
        "a_metric_of_tomorrow": RefusedError,
        "views": type(None),
        "saved": RefusedError,
    }


DRIFT: dict[str, str] = {
    "extra fields": '{"data":[{"id":"1","new":{"deep":[1]}}],"paging":{},"summary":{"total":1}}',
    "missing fields": '{"data":[{}]}',
    "null list": '{"data":null}',
    "null nodes": '{"data":[null,null]}',
    "ids as numbers": '{"data":[{"id":17841400000000001,"ig_id":1234567890123456789012345}]}',
    "types changed": '{"data":{"id":1},"paging":[],"error":null}',
    "duplicate keys": '{"data":[],"data":[{"id":"1"}]}',
    "nul": '{"data":[{"id":"1","caption":"a\\u0000b"}]}',
    "half a surrogate": '{"data":[{"id":"1","caption":"\\ud83d"}]}',
    "emoji and directions": '{"data":[{"id":"1","caption":"\\u202e\\u200b\U0001f1e8\U0001f1ed"}]}',
    "caption of 10 MB": '{"data":[{"id":"1","caption":"' + "x" * 10_000_000 + '"}]}',
    "deep": '{"data":' + "[" * 500 + "]" * 500 + "}",
    "error that is none": '{"error":false,"data":[]}',
}
POISON: dict[str, str] = {
    "HTML with 200": "<!DOCTYPE html><html></html>",
    "a list": "[]",
    "a text": '"data"',
    "null": "null",
    "NaN": '{"data":[NaN]}',
    "number without end": '{"data":' + "9" * 5000 + "}",
    "too deep": '{"data":' + "[" * 100_000 + "]" * 100_000 + "}",
    "two values": '{"data":[]}{"data":[]}',
    "byte order": "\ufeff\ufeff{}",
}


@pytest.mark.parametrize("name", DRIFT)
def test_f09_a_reply_of_another_shape_is_handed_on_as_it_came(crowd: Crowd, flavour: Flavour, name: str) -> None:
    asks = crowd.asks(flavour, 5)
    crowd.befall({"kind": "body", "body": DRIFT[name], "ig_user_id": asks[2].pool, "content_type": "text/javascript"})
    answers = answered(crowd.client(flavour), asks)
    drifted = answers.pop(2)
    assert drifted.error is None
    assert drifted.raw == DRIFT[name].encode()
    next_page(drifted.ask, drifted.body)
    assert all(answer.body for answer in answers)


def test_f09_numbers_above_2_to_the_53_keep_every_digit(crowd: Crowd, flavour: Flavour) -> None:
    [ask] = crowd.asks(flavour, 1)
    crowd.befall({"kind": "body", "body": DRIFT["ids as numbers"], "endpoint": "stories"})
    [answer] = answered(crowd.client(flavour), [ask])
    assert answer.body == {"data": [{"id": 17841400000000001, "ig_id": 1234567890123456789012345}]}


@pytest.mark.parametrize("name", POISON)
def test_f10_a_reply_that_is_none_keeps_its_bytes_and_costs_no_neighbour(
    crowd: Crowd, flavour: Flavour, name: str
) -> None:
    asks = crowd.asks(flavour, 5)
    crowd.befall({"kind": "body", "body": POISON[name], "ig_user_id": asks[2].pool})
    answers = answered(crowd.client(flavour), asks)
    poisoned = answers.pop(2)
    assert isinstance(poisoned.error, UnreadableError)
    assert poisoned.raw == POISON[name].encode()
    assert all(answer.body for answer in answers)
    assert set(crowd.calls().values()) == {1}


def page(number: int, after: str, times: int | None = 1) -> dict[str, Any]:
    """The fault that gives this page instead of the stories."""
    link = f"https://graph.example/stories?access_token=x&after={after}"
    body = f'{{"data":[{{"id":"{number}"}}],"paging":{{"cursors":{{"after":"{after}"}},"next":"{link}"}}}}'
    return {"kind": "body", "body": body, "times": times, "endpoint": "stories"}


def walked(crowd: Crowd, flavour: Flavour, first: Ask) -> list[Answer]:
    """The answers of the pages of a list, as far as it leads."""
    client, found = crowd.client(flavour), list[Answer]()
    ask: Ask | None = first
    while ask is not None:
        found += answered(client, [ask])
        ask = next_page(ask, found[-1].body)
    return found


@pytest.mark.parametrize("cursors", ["A", "AB", "ABC", "ABCB"])
def test_f11_a_cursor_that_comes_round_again_ends_the_walk_without_completing_it(
    crowd: Crowd, flavour: Flavour, cursors: str
) -> None:
    crowd.befall(*(page(number, name) for number, name in enumerate(cursors)), page(99, cursors[0], times=None))
    [ask] = crowd.asks(flavour, 1)
    pages = walked(crowd, flavour, ask)
    assert has_more(pages[-1].body)
    assert len(pages) <= len(set(cursors)) + 1


def test_f11_pages_without_end_are_bounded(crowd: Crowd, flavour: Flavour) -> None:
    crowd.befall(*(page(number, f"cursor{number}") for number in range(MAX_PAGES + 5)))
    [ask] = crowd.asks(flavour, 1)
    pages = walked(crowd, flavour, ask)
    assert len(pages) == MAX_PAGES
    assert has_more(pages[-1].body)


def test_f11_a_page_that_vanishes_is_an_error_and_the_pages_before_it_stay(crowd: Crowd, flavour: Flavour) -> None:
    crowd.befall(page(1, "A"), {"kind": "error_100_33", "endpoint": "stories"})
    [ask] = crowd.asks(flavour, 1)
    first, second = walked(crowd, flavour, ask)
    assert ids(first) == ["1"]
    assert isinstance(second.error, GoneError)


def test_f12_of_81_accounts_78_fail_in_every_way_and_three_are_answered(crowd: Crowd, flavour: Flavour) -> None:
    asks = crowd.asks(flavour, 81)
    assert len(asks) == 81
    known = truth(crowd, flavour, asks)
    kinds = ["error_190_460", "error_100_33", "error_10", "html_503", "garbage", "throttle", "lost", "error_3"]
    well = {asks[number].pool for number in (7, 49, 80)}
    ill = {ask.pool: kinds[place % len(kinds)] for place, ask in enumerate(asks) if ask.pool not in well}
    crowd.befall(*({"kind": kind, "ig_user_id": pool} for pool, kind in ill.items()))
    expected = {
        "error_190_460": ReconnectError,
        "error_100_33": GoneError,
        "error_10": PermissionMissingError,
        "html_503": TransientError,
        "garbage": UnreadableError,
        "throttle": ThrottledError,
        "lost": TransientError,
        "error_3": RequestError,
    }
    failed = 0
    for answer in answered(crowd.client(flavour), asks):
        if answer.ask.pool in well:
            assert ids(answer) == known[answer.ask.pool]
        else:
            assert isinstance(answer.error, expected[ill[answer.ask.pool]])
            failed += 1
    assert failed == 78
