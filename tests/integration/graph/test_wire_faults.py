"""F-01 and F-02: the API is out of reach, or its bytes come late, slowly, cut or garbled."""

import gzip
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from storykeep.graph import breaker, transport
from storykeep.graph.client import Answer
from storykeep.graph.errors import GraphError, TransientError, UnreachableError, UnreadableError
from storykeep.settings import FLAVOURS, Flavour

from .conftest import Crowd, answered
from .tcp_proxy import (
    Proxy,
    Toxic,
    cut_after,
    drip,
    latency,
    proxied,
    reset_after,
    reset_before_asking,
    rewritten,
    says,
    silent_for,
)

pytestmark = pytest.mark.integration

SIZE = 12  # accounts
# One batch that always fails: three attempts, then the halves down to single items.
BATCHES = 3 + 2 * (SIZE - 1)


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> Flavour:
    found: Flavour = request.param
    return found


@pytest.fixture
def proxy(crowd: Crowd, flavour: Flavour) -> Iterator[Proxy]:
    with proxied(getattr(crowd.running, flavour)) as proxy:
        yield proxy


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is not borne for long."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.35)
    monkeypatch.setattr(transport, "WHOLE_SECONDS", 0.4)


def bodies(answers: list[Answer]) -> list[object]:
    """What the answers say, less the signatures of links, which differ at every read."""
    return [[node["id"] for node in answer.body["data"]] if answer.body else answer.error for answer in answers]


PASSING: dict[str, Toxic] = {
    "late, but in time": latency(0.1),
    "in a hundred pieces": drip(100, 0.1),
}
BREAKING: dict[str, Toxic] = {
    "reset before the request is read": reset_before_asking,
    "reset before the reply": reset_after(0),
    "reset within the headers": reset_after(25),
    "reset within the body": reset_after(-40),
    "closed before the reply": cut_after(0),
    "closed within the status line": cut_after(9),
    "closed within the headers": cut_after(60),
    "closed within the body": cut_after(-1),
    "no HTTP at all": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "noise": says(bytes(range(256)) * 8),
    "endless status line": says(b"HTTP/1.1 " + b"2" * 70_000),
    "endless headers": says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n{}"),
    "chunks that are none": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "two lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
}
SILENT: dict[str, Toxic] = {
    "silence": silent_for(0.5),
    "too late": latency(0.5),
    "a drip without end": drip(5, 1.0),
}


@pytest.mark.parametrize("name", PASSING)
def test_f02_what_is_only_slow_is_read_whole(crowd: Crowd, flavour: Flavour, proxy: Proxy, name: str) -> None:
    asks = crowd.asks(flavour, SIZE)
    truth = bodies(answered(crowd.client(flavour), asks))
    proxy.befall(PASSING[name])
    assert bodies(answered(crowd.client(flavour, proxy.url), asks)) == truth


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", BREAKING | SILENT)
def test_f02_what_breaks_once_costs_nothing(crowd: Crowd, flavour: Flavour, proxy: Proxy, name: str) -> None:
    asks = crowd.asks(flavour, SIZE)
    truth = bodies(answered(crowd.client(flavour), asks))
    proxy.befall((BREAKING | SILENT)[name], times=1)
    assert bodies(answered(crowd.client(flavour, proxy.url), asks)) == truth


@pytest.mark.parametrize("name", BREAKING)
def test_f02_what_always_breaks_is_unreachable_for_all_at_a_bounded_cost(
    crowd: Crowd, flavour: Flavour, proxy: Proxy, name: str
) -> None:
    proxy.befall(BREAKING[name])
    began = time.monotonic()
    answers = answered(crowd.client(flavour, proxy.url), crowd.asks(flavour, SIZE))
    assert all(isinstance(answer.error, TransientError) and not answer.raw for answer in answers), answers[0].error
    assert time.monotonic() - began < 15
    # A connection that is dropped at once may count as silence, which is soon left alone.
    assert breaker.SILENCES <= proxy.exchanges <= (BATCHES if flavour == "facebook" else 3 * SIZE)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", SILENT)
def test_f02_silence_is_waited_for_three_times_and_then_left_alone(
    crowd: Crowd, flavour: Flavour, proxy: Proxy, name: str
) -> None:
    proxy.befall(SILENT[name])
    began = time.monotonic()
    answers = answered(crowd.client(flavour, proxy.url, concurrency=1), crowd.asks(flavour, SIZE))
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert proxy.exchanges == breaker.SILENCES
    assert time.monotonic() - began < 9


@pytest.mark.parametrize("ending", [cut_after, reset_after])
def test_f02_a_reply_cut_at_any_byte_is_never_taken_for_a_whole_one(
    crowd: Crowd, flavour: Flavour, proxy: Proxy, ending: Callable[[int], Toxic]
) -> None:
    [ask] = crowd.asks(flavour, 1)
    client = crowd.client(flavour, proxy.url)
    sizes = [*range(1, 900, 222), *range(-301, 0, 100)]
    for size in sizes:
        proxy.befall(ending(size))
        answer = client.get(ask)
        assert isinstance(answer.error, TransientError), size
        assert answer.raw == b"", size
    assert {proxy.exchanges} == {3}


def test_f02_a_body_that_is_short_although_its_length_fits_is_never_taken_for_json(
    crowd: Crowd, flavour: Flavour, proxy: Proxy
) -> None:
    [ask] = crowd.asks(flavour, 1)
    for left in (1, 2, 30, 300):
        proxy.befall(rewritten(lambda body, left=left: body[:-left]))  # type: ignore[misc]
        for answer in (crowd.client(flavour, proxy.url).get(ask), *answered(crowd.client(flavour, proxy.url), [ask])):
            assert isinstance(answer.error, UnreadableError)
            assert answer.body is None
    proxy.befall(rewritten(lambda _: b""))
    assert isinstance(crowd.client(flavour, proxy.url).get(ask).error, TransientError)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda body: gzip.compress(body)[:-12], UnreadableError),
        (lambda body: b"\x1f\x8b" + body, UnreadableError),
        (lambda body: gzip.compress(b" " * (transport.MAX_BYTES + 1)), UnreadableError),
    ],
    ids=["cut", "garbled", "a bomb"],
)
def test_f02_compression_that_goes_wrong_is_no_body(
    crowd: Crowd, flavour: Flavour, proxy: Proxy, change: Callable[[bytes], bytes], error: type[GraphError]
) -> None:
    proxy.befall(rewritten(gzip.compress, b"Content-Encoding: gzip"))
    [ask] = crowd.asks(flavour, 1)
    client = crowd.client(flavour, proxy.url)
    assert client.get(ask).body
    proxy.befall(rewritten(change, b"Content-Encoding: gzip"))
    answer = client.get(ask)
    assert answer.body is None
    assert isinstance(answer.error, error)
    assert len(answer.raw) <= transport.KEPT_BYTES


def test_f02_nothing_that_follows_a_reply_is_taken_for_the_next_one(
    crowd: Crowd, flavour: Flavour, proxy: Proxy
) -> None:
    forged = b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"data":[{"id":"999"}]}'
    asks = crowd.asks(flavour, SIZE)
    truth = bodies(answered(crowd.client(flavour), asks))
    proxy.befall(lambda exchange: exchange.send(exchange.reply() + forged))
    client = crowd.client(flavour, proxy.url, concurrency=1)
    assert [bodies(answered(client, [ask]))[0] for ask in asks] == truth


def test_f01_a_host_that_drops_every_connection_is_found_again_after_a_rest(
    crowd: Crowd, flavour: Flavour, proxy: Proxy
) -> None:
    now = [0.0]
    asks, client = crowd.asks(flavour, SIZE), crowd.client(flavour, proxy.url, monotonic=lambda: now[0])
    proxy.refuses = True
    assert all(isinstance(answer.error, UnreachableError) for answer in answered(client, asks))
    proxy.refuses = False
    now[0] += breaker.REST_SECONDS
    assert all(answer.body for answer in answered(client, asks))


def test_f01_a_closed_port_is_tried_three_times_and_no_ask_is_sent_while_it_rests(
    crowd: Crowd, flavour: Flavour
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = crowd.client(flavour, url, concurrency=1)
    answers = answered(client, crowd.asks(flavour, SIZE))
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    again = [answer.error for answer in answered(client, crowd.asks(flavour, SIZE))]
    assert [error.sent for error in again if isinstance(error, UnreachableError)] == [False] * SIZE


def test_f01_a_name_that_is_not_found_is_unreachable(
    crowd: Crowd, flavour: Flavour, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups: list[str] = []

    def nobody(host: str, *_: object, **__: object) -> None:
        lookups.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    client, asks = crowd.client(flavour, "http://graph.invalid", concurrency=1), crowd.asks(flavour, SIZE)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", nobody)
        answers = answered(client, asks)
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert lookups == ["graph.invalid"] * breaker.SILENCES


def test_f01_a_port_that_speaks_no_tls_is_unreachable(crowd: Crowd, flavour: Flavour) -> None:
    url = getattr(crowd.running, flavour).replace("http:", "https:")
    answers = answered(crowd.client(flavour, url), crowd.asks(flavour, SIZE))
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
