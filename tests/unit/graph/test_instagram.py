"""Many asks where there is no batch: a bounded pool of threads."""

import threading
from typing import Any

import pytest
import requests
from tests.unit.graph.fake_api import Fake, FakeTime, ask, envelope, json_reply

from storykeep.graph.blocks import Blocks
from storykeep.graph.errors import ReconnectError, ThrottledError


def number_of(request: requests.PreparedRequest) -> int:
    return int((request.url or "").split("/")[4])


def echo(request: requests.PreparedRequest) -> Any:
    return json_reply({"id": str(number_of(request))})


def test_each_ask_is_answered_in_order_in_chunks_of_50() -> None:
    fake = Fake(echo, "instagram", concurrency=4)
    asks = [ask(number) for number in range(120)]
    chunks = list(fake.client.answer(asks))
    assert [len(chunk) for chunk in chunks] == [50, 50, 20]
    answers = [answer for chunk in chunks for answer in chunk]
    assert [answer.ask for answer in answers] == asks
    assert all(answer.body == {"id": str(answer.ask.key)} for answer in answers)


def test_a_chunk_is_not_sent_before_it_is_asked_for() -> None:
    fake = Fake(echo, "instagram", concurrency=4)
    chunks = fake.client.answer([ask(number) for number in range(120)])
    assert not fake.requests
    next(chunks)
    assert len(fake.requests) == 50


def test_threads_are_bounded_and_used() -> None:
    lock, running, most = threading.Lock(), 0, 0
    together = threading.Barrier(4, timeout=10)

    def reply(request: requests.PreparedRequest) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1
        return echo(request)

    fake = Fake(reply, "instagram", concurrency=4)
    list(fake.client.answer([ask(number) for number in range(40)]))
    assert most == 4


def test_one_bad_account_costs_no_other() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        return json_reply(envelope(190, 463), 400) if number_of(request) == 7 else echo(request)

    [answers] = Fake(reply, "instagram", concurrency=4).client.answer([ask(number) for number in range(50)])
    assert [answer.ask.key for answer in answers if answer.error] == [7]
    assert isinstance(answers[7].error, ReconnectError)


def test_a_throttled_account_is_left_alone_and_the_others_are_not() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        return json_reply(envelope(80002), 400) if number_of(request) == 1 else echo(request)

    fake = Fake(reply, "instagram", concurrency=1)
    [answers] = fake.client.answer([ask(1), ask(2), ask(1), ask(3), ask(1)])
    assert [isinstance(answer.error, ThrottledError) for answer in answers] == [True, False, True, False, True]
    assert [number_of(request) for request in fake.requests] == [1, 2, 3]


def test_a_throttled_app_sends_no_more() -> None:
    fake = Fake(lambda _: json_reply(envelope(4), 403), "instagram", concurrency=1)
    answers = [answer for chunk in fake.client.answer([ask(n) for n in range(70)]) for answer in chunk]
    assert len(answers) == 70
    assert all(isinstance(answer.error, ThrottledError) and answer.error.scope == "app" for answer in answers)
    assert len(fake.requests) == 1


def test_no_second_attempt_is_made_once_another_thread_was_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    first_failed, throttled, note = threading.Event(), threading.Event(), Blocks.note

    def reply(request: requests.PreparedRequest) -> Any:
        if len(fake.requests) == 1:
            first_failed.set()
            return json_reply(envelope(2), 500)
        assert first_failed.wait(10)
        return json_reply(envelope(80002), 400)

    def noted(blocks: Blocks, answers: Any) -> None:
        note(blocks, answers)
        throttled.set()

    monkeypatch.setattr(FakeTime, "sleep", lambda _, __: throttled.wait(10))
    monkeypatch.setattr(Blocks, "note", noted)
    fake = Fake(reply, "instagram", concurrency=2)
    [answers] = fake.client.answer([ask(1), ask(1)])
    assert [type(answer.error) for answer in answers] == [ThrottledError, ThrottledError]
    assert len(fake.requests) == 2
