"""One plain GET: what is sent, what is retried, what a failure looks like."""

import hashlib
import hmac
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
import requests
import urllib3
from tests.unit.graph.fake_api import SECRET, Fake, ask, envelope, json_reply, query

from storykeep.graph import transport
from storykeep.graph.breaker import SILENCES
from storykeep.graph.errors import (
    PermissionMissingError,
    ReconnectError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UnreadableError,
)


class Drip(BytesIO):
    """A body whose every piece takes a while."""

    def __init__(self, body: bytes, fake: list[Fake]) -> None:
        super().__init__(body)
        self._fake = fake

    def read1(self, size: int | None = -1) -> bytes:
        self._fake[0].time.now += 15
        return super().read1(2)


def raises(error: Exception) -> Any:
    def reply(_: requests.PreparedRequest) -> Any:
        raise error

    return reply


def failing(times: int, first: tuple[int, Mapping[str, str], bytes]) -> Any:
    """Answers `first` so many times and then well."""
    left = iter([first] * times)
    return lambda _: next(left, None) or json_reply({"data": []})


def test_the_token_stands_in_the_header_and_not_in_the_url() -> None:
    fake = Fake(lambda _: json_reply({"data": []}, Facebook_API_Version="v26.0"))
    answer = fake.client.get(ask(1, "EAAcanary"))
    [request] = fake.requests
    assert request.headers["Authorization"] == "Bearer EAAcanary"
    assert request.url is not None
    assert request.url.startswith("http://graph.test/v26.0/1/stories?")
    assert "EAAcanary" not in request.url
    assert answer.body == {"data": []}
    assert answer.api_version == "v26.0"
    assert answer.raw == b'{"data": []}'


def test_facebook_gets_the_proof_and_instagram_does_not() -> None:
    fake = Fake(lambda _: json_reply({}))
    fake.client.get(ask(1, "EAAcanary"))
    expected = hmac.new(SECRET.encode(), b"EAAcanary", hashlib.sha256).hexdigest()
    assert query(fake.requests[0]) == {"fields": "id", "appsecret_proof": expected}
    other = Fake(lambda _: json_reply({}), "instagram")
    other.client.get(ask(1))
    assert query(other.requests[0]) == {"fields": "id"}


def test_a_failure_of_the_moment_is_retried_with_growing_jittered_waits() -> None:
    fake = Fake(failing(2, json_reply(envelope(2), 500)))
    assert fake.client.get(ask()).error is None
    assert fake.time.sleeps == [0.375, 0.75]


def test_retries_are_bounded() -> None:
    fake = Fake(lambda _: json_reply(envelope(2), 500))
    answer = fake.client.get(ask())
    assert type(answer.error) is TransientError
    assert answer.raw == json_reply(envelope(2))[2]
    assert len(fake.requests) == 3


@pytest.mark.parametrize("code", [4, 10, 100, 190, 80002, 2500])
def test_nothing_else_is_retried(code: int) -> None:
    fake = Fake(lambda _: json_reply(envelope(code), 400))
    assert fake.client.get(ask()).error is not None
    assert len(fake.requests) == 1


def test_a_missing_permission_is_named() -> None:
    fake = Fake(lambda _: json_reply(envelope(10), 403))
    error = fake.client.get(ask()).error
    assert isinstance(error, PermissionMissingError)
    assert error.scope == "instagram_basic"


def test_the_wait_of_a_throttle_comes_from_the_reply() -> None:
    usage = '{"pool1":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":9}]}'
    fake = Fake(lambda _: json_reply(envelope(80002), 400, X_Business_Use_Case_Usage=usage))
    error = fake.client.get(ask()).error
    assert isinstance(error, ThrottledError)
    assert error.wait is not None
    assert error.wait.total_seconds() == 9 * 60


@pytest.mark.parametrize("token", ["", " ", "a\r\nb:c", "tokén"])
def test_a_text_that_is_no_token_is_never_sent(token: str) -> None:
    fake = Fake(lambda _: json_reply({}))
    one = ask(1, "x")
    error = fake.client.get(type(one)(1, type(one.token)(token), one.path, one.params, one.pool)).error
    assert isinstance(error, ReconnectError)
    assert not fake.requests


def test_a_body_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_BYTES", 100_000)
    body = BytesIO(b"x" * 1_000_000)
    fake = Fake(lambda _: (200, {}, body))
    answer = fake.client.get(ask())
    assert isinstance(answer.error, UnreadableError)
    assert len(answer.raw) == transport.KEPT_BYTES
    assert body.closed or body.tell() < 300_000


def test_a_body_that_drips_is_given_up() -> None:
    holder: list[Fake] = []
    fake = Fake(lambda _: (200, {}, Drip(b"x" * 100, holder)))
    holder.append(fake)
    answer = fake.client.get(ask())
    assert isinstance(answer.error, UnreachableError)
    assert len(fake.requests) == 1  # there is no time left for another attempt


def test_an_api_that_only_drips_is_left_alone_after_a_few_tries() -> None:
    holder: list[Fake] = []
    fake = Fake(lambda _: (200, {}, Drip(b"x" * 100, holder)))
    holder.append(fake)
    for number in range(SILENCES + 2):
        assert isinstance(fake.client.get(ask(number)).error, UnreachableError)
    assert len(fake.requests) == SILENCES


def test_a_body_shorter_than_announced_is_a_cut_connection() -> None:
    fake = Fake(lambda _: (200, {"Content-Length": "500"}, b'{"data": []}'))
    assert isinstance(fake.client.get(ask()).error, UnreachableError)
    assert len(fake.requests) == 3


def test_garbled_compression_is_unreadable() -> None:
    fake = Fake(lambda _: (200, {"Content-Encoding": "gzip"}, b"not gzip at all"))
    assert isinstance(fake.client.get(ask()).error, UnreadableError)


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectTimeout("http://graph.test/?access_token=canary"),
        requests.ConnectionError("http://graph.test/?access_token=canary"),
        requests.ReadTimeout("canary"),
        requests.exceptions.ChunkedEncodingError("canary"),
        urllib3.exceptions.ProtocolError("canary"),
        ConnectionResetError("canary"),
    ],
)
def test_no_reply_is_unreachable_and_says_nothing_of_the_url(error: Exception) -> None:
    fake = Fake(raises(error))
    answer = fake.client.get(ask())
    assert isinstance(answer.error, UnreachableError)
    assert "graph.test" in answer.error.message
    assert "canary" not in repr(answer.error)
    assert answer.error.__context__ is None
    assert answer.error.__cause__ is None


def test_a_request_that_cannot_be_sent_is_our_bug() -> None:
    fake = Fake(raises(requests.exceptions.InvalidHeader("canary")))
    error = fake.client.get(ask()).error
    assert type(error) is RequestError
    assert "canary" not in str(error)


def test_an_api_out_of_reach_costs_a_few_attempts_and_then_none() -> None:
    fake = Fake(raises(requests.ConnectTimeout()))
    answers = [fake.client.get(ask(number)) for number in range(100)]
    assert all(isinstance(answer.error, UnreachableError) for answer in answers)
    assert len(fake.requests) == 3
    fake.time.now += 31
    fake.client.get(ask())
    assert len(fake.requests) == 4  # it is tried again, once, after a rest


def test_connections_that_are_cut_are_not_an_api_out_of_reach() -> None:
    fake = Fake(raises(requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted."))))
    for number in range(5):
        fake.client.get(ask(number))
    assert len(fake.requests) == 15


def test_a_reply_to_anybody_ends_the_silence() -> None:
    number = iter(range(1000))

    def reply(_: requests.PreparedRequest) -> Any:
        if next(number) % 3 < 2:
            raise requests.ConnectTimeout
        return json_reply({})

    fake = Fake(reply)
    assert all(fake.client.get(ask(n)).error is None for n in range(20))
