"""Real sockets: connections are reused, and a broken one is recognised for what it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.integration.graph.tcp_proxy import Proxy, Toxic, proxied, says
from tests.unit.graph.fake_api import ask, settings

from storykeep.graph import transport
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import TransientError, UnreachableError

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + b'{"data": []}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"data": []}\r\n0\r\n\r\n'


NOWHERE = "http://127.0.0.1:9"


@contextmanager
def serving(toxic: Toxic) -> Iterator[Proxy]:
    """Answers every request itself: there is no server behind it."""
    with proxied(NOWHERE) as server:
        server.befall(toxic)
        yield server


def keeping_open(reply: bytes) -> Toxic:
    return lambda exchange: exchange.send(reply)


def client_of(url: str, concurrency: int = 4) -> GraphClient:
    api = replace(settings("instagram"), base_url=url)
    return GraphClient(api, sleep=lambda _: None, concurrency=concurrency)


@pytest.mark.parametrize("reply", [GOOD, CHUNKED])
def test_connections_are_reused(reply: bytes) -> None:
    with serving(keeping_open(reply)) as server:
        answers = [one for chunk in client_of(server.url).answer([ask(n) for n in range(100)]) for one in chunk]
    assert all(answer.body == {"data": []} for answer in answers)
    assert 1 <= server.connections <= 4


@pytest.mark.parametrize("reply", [b"", GOOD[:-5], CHUNKED[:-9], GOOD[:40]])
def test_a_cut_reply_is_never_taken_for_a_whole_one(reply: bytes) -> None:
    with serving(says(reply)) as server:
        answer = client_of(server.url).get(ask())
    assert isinstance(answer.error, TransientError)
    assert server.connections == 3


def test_nobody_there_is_known_at_once() -> None:
    with serving(keeping_open(GOOD)) as server:
        url = server.url
    began = time.monotonic()
    answers = [one for chunk in client_of(url).answer([ask(n) for n in range(500)]) for one in chunk]
    assert len(answers) == 500
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert time.monotonic() - began < 5


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    with serving(keeping_open(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")) as server:
        began = time.monotonic()
        answers = [one for chunk in client_of(server.url).answer([ask(n) for n in range(100)]) for one in chunk]
    assert len(answers) == 100
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert time.monotonic() - began < 5
