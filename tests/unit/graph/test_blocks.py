"""Who is left in peace within one run of asks."""

from dataclasses import replace
from datetime import timedelta

from storykeep.graph.asks import Answer
from storykeep.graph.blocks import Blocks
from storykeep.graph.errors import GraphError, ThrottledError
from storykeep.graph.usage import Pool, Usage

from .fake_api import Fake, ask, item, json_reply

MINE, OTHERS = ask(1), ask(2)


def answered(usage: Usage | None = None, error: GraphError | None = None) -> Answer:
    return Answer(MINE, None if error else {"data": []}, error, b"", None, usage)


def after(*answers: Answer) -> Blocks:
    blocks = Blocks()
    blocks.note(answers)
    return blocks


def test_a_full_pool_is_blocked_although_its_call_was_answered() -> None:
    blocks = after(answered(Usage(pools={"pool1": Pool(100, 7)})))
    error = blocks.of(MINE)
    assert error is not None
    assert (error.scope, error.wait) == ("account", timedelta(minutes=7))
    assert blocks.of(OTHERS) is None


def test_a_full_app_blocks_everybody() -> None:
    blocks = after(answered(Usage(app=Pool(104))))
    assert [error and error.scope for error in (blocks.of(MINE), blocks.of(OTHERS))] == ["app", "app"]


def test_a_pool_that_is_not_full_or_not_the_asker_s_blocks_nobody() -> None:
    blocks = after(answered(Usage(app=Pool(99), pools={"645000": Pool(100), "pool1": Pool(99), "pool2": Pool(100)})))
    assert (blocks.of(MINE), blocks.of(OTHERS)) == (None, None)


def test_a_full_pool_under_a_business_blocks_the_asker_that_the_header_does_not_name() -> None:
    blocks = after(answered(Usage(pools={"645000": Pool(100, 7)}, fullest_instagram=Pool(100, 7))))
    error = blocks.of(MINE)
    assert error is not None
    assert (error.scope, error.wait) == ("account", timedelta(minutes=7))
    assert blocks.of(OTHERS) is None


def test_what_the_error_says_of_the_wait_counts_more_than_the_header() -> None:
    error = ThrottledError("too many calls", scope="account", wait=timedelta(minutes=20))
    assert after(answered(Usage(pools={"pool1": Pool(100, 7)}), error)).of(MINE) is error


def test_the_client_sends_no_further_batch_to_a_full_pool() -> None:
    full = {"X-Business-Use-Case-Usage": '{"pool1": [{"type": "instagram", "call_count": 100}]}'}
    fake = Fake(lambda _: json_reply([item({"id": "1"}, headers=full)] * 50))
    asks = [replace(MINE, key=number) for number in range(60)]
    first, second = fake.client.answer(asks)
    assert len(fake.requests) == 1
    assert all(answer.error is None for answer in first)
    assert all(isinstance(answer.error, ThrottledError) for answer in second)


def test_the_client_sends_no_further_batch_to_an_app_that_the_batch_s_own_reply_calls_full() -> None:
    fake = Fake(lambda _: json_reply([item({"id": "1"})] * 50, X_App_Usage='{"call_count": 100}'))
    first, second = fake.client.answer([ask(number) for number in range(60)])
    assert len(fake.requests) == 1
    assert all(answer.error is None and answer.usage == Usage(app=Pool(100)) for answer in first)
    assert all(isinstance(answer.error, ThrottledError) and answer.error.scope == "app" for answer in second)


def test_a_batch_that_fails_tells_of_a_full_app_too() -> None:
    fake = Fake(lambda _: json_reply({"error": {"code": 2}}, 500, X_App_Usage='{"call_count": 100}'))
    _, second = fake.client.answer([ask(number) for number in range(60)])
    assert len(fake.requests) == 3
    assert all(isinstance(answer.error, ThrottledError) and answer.error.scope == "app" for answer in second)


def test_the_client_sends_no_further_call_to_a_full_app_without_a_batch_either() -> None:
    fake = Fake(lambda _: json_reply({"id": "1"}, X_App_Usage='{"call_count": 100}'), flavour="instagram")
    (answers,) = fake.client.answer([ask(number) for number in range(5)])
    assert len(fake.requests) == 1
    assert [answer.error is None for answer in answers] == [True, False, False, False, False]
