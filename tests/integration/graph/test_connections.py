"""Real sockets: connections are reused, and a broken one is recognised for what it is."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.unit.graph.fake_api import ask, settings

from storykeep.graph import transport
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import TransientError, UnreachableError

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + b'{"data": []}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"data": []}\r\n0\r\n\r\n'


class RawServer:
    """Answers every request with the same bytes and then, if told so, drops the connection."""

    def __init__(self, reply: bytes, *, drop: bool) -> None:
        self._reply, self._drop = reply, drop
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that accepts
        for one in (self._listener, *self._open):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            while self._request(peer):
                peer.sendall(self._reply)
                if self._drop:
                    peer.close()
                    return
        except OSError:
            return

    def _request(self, peer: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = peer.recv(4096)
            if not piece:
                return b""
            head += piece
        return head


@contextmanager
def serving(reply: bytes, *, drop: bool = False) -> Iterator[RawServer]:
    server = RawServer(reply, drop=drop)
    try:
        yield server
    finally:
        server.close()


def client_of(url: str, concurrency: int = 4) -> GraphClient:
    api = replace(settings("instagram"), base_url=url)
    return GraphClient(api, sleep=lambda _: None, concurrency=concurrency)


@pytest.mark.parametrize("reply", [GOOD, CHUNKED])
def test_connections_are_reused(reply: bytes) -> None:
    with serving(reply) as server:
        answers = [one for chunk in client_of(server.url).answer([ask(n) for n in range(100)]) for one in chunk]
    assert all(answer.body == {"data": []} for answer in answers)
    assert 1 <= server.connections <= 4


@pytest.mark.parametrize("reply", [b"", GOOD[:-5], CHUNKED[:-9], GOOD[:40]])
def test_a_cut_reply_is_never_taken_for_a_whole_one(reply: bytes) -> None:
    with serving(reply, drop=True) as server:
        answer = client_of(server.url).get(ask())
    assert isinstance(answer.error, TransientError)
    assert server.connections == 3


def test_nobody_there_is_known_at_once() -> None:
    with serving(GOOD) as server:
        url = server.url
    began = time.monotonic()
    answers = [one for chunk in client_of(url).answer([ask(n) for n in range(500)]) for one in chunk]
    assert len(answers) == 500
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert time.monotonic() - began < 5


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n") as server:
        began = time.monotonic()
        answers = [one for chunk in client_of(server.url).answer([ask(n) for n in range(100)]) for one in chunk]
    assert len(answers) == 100
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert time.monotonic() - began < 5
