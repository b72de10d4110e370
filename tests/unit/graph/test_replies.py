"""From bytes to a body or an error."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.graph.errors import GraphError, ThrottledError, TransientError, UnreadableError
from storykeep.graph.replies import Reply, read
from storykeep.graph.usage import Pool, Usage


def test_ids_and_large_numbers_survive() -> None:
    result = read(Reply(200, {}, b'{"id": "17841400000000001", "ig_id": 17841400000000001234567}'))
    assert result.body == {"id": "17841400000000001", "ig_id": 17841400000000001234567}


def test_a_reply_tells_its_version_and_usage() -> None:
    headers = {"facebook-api-version": "v26.0", "x-app-usage": '{"call_count":12}'}
    result = read(Reply(200, headers, b"{}"))
    assert result.api_version == "v26.0"
    assert result.usage == Usage(Pool(12))


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Sun, 22 Nov 2026 05:16:48 GMT", datetime(2026, 11, 22, 5, 16, 48, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 06:16:48 +0100", datetime(2026, 11, 22, 5, 16, 48, tzinfo=UTC)),
        ("Thu, 31 Dec 2026 23:59:60 GMT", None),
        ("Sun, 22 Nov 99999 05:16:48 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_reply_tells_the_apis_time(date: str, told: datetime | None) -> None:
    assert read(Reply(200, {"date": date}, b"{}")).api_time == told


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b'{"data": [{"id": "1"', "not whole JSON"),
        (b" ", "empty"),
        (b"\xff\xfe{}", "not whole JSON"),
        (b'{"a": NaN}', "not whole JSON"),
        (b'{"a":' * 100_000, "not whole JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not whole JSON"),
        (b"[]", "a list where a dict belongs"),
        (b'"text"', "a str where a dict belongs"),
        (b"null", "a NoneType where a dict belongs"),
    ],
)
def test_a_reply_that_is_none_keeps_its_bytes(raw: bytes, says: str) -> None:
    result = read(Reply(200, {}, raw))
    assert isinstance(result.error, UnreadableError)
    assert says in result.error.message
    assert result.error.raw == result.raw == raw


def test_a_redirect_is_not_followed_nor_believed() -> None:
    assert isinstance(read(Reply(302, {"location": "http://elsewhere"}, b"{}")).error, UnreadableError)


def test_a_gateways_own_page_is_a_state_of_the_moment() -> None:
    assert type(read(Reply(502, {}, b"<html>Bad Gateway</html>")).error) is TransientError
    assert type(read(Reply(200, {}, b"")).error) is TransientError
    assert type(read(Reply(429, {}, b"slow down")).error) is ThrottledError


def test_an_error_envelope_counts_with_any_status() -> None:
    result = read(Reply(200, {}, b'{"error": {"code": 2, "message": "m"}}'))
    assert type(result.error) is TransientError
    assert result.body is None


def test_nul_is_left_to_landing() -> None:
    assert read(Reply(200, {}, b'{"caption": "a\\u0000b"}')).body == {"caption": "a\0b"}


@given(st.integers(100, 599), st.binary() | st.text().map(str.encode) | st.from_type(type(None)).map(lambda _: b"{}"))
def test_any_bytes_give_a_body_or_an_error(status: int, raw: bytes) -> None:
    result = read(Reply(status, {}, raw))
    assert (result.body is None) == isinstance(result.error, GraphError)
    assert result.raw == raw


def test_no_repr_shows_a_body() -> None:
    raw = json.dumps({"paging": {"next": "https://x/?access_token=canary"}}).encode()
    reply = Reply(200, {"x": "canary"}, raw)
    assert "canary" not in repr(reply) + repr(read(reply))


def test_the_bytes_of_an_error_lose_what_it_echoes_and_nothing_else() -> None:
    raw = b'{"error": {"code": 10, "message": "canary|1 of ?t=canary%7C1 \xc3\xa9"}}'
    hidden = b'{"error": {"code": 10, "message": "*** of ?t=*** \xc3\xa9"}}'
    assert read(Reply(400, {}, raw), secrets=["canary|1"]).raw == hidden
    unreadable = read(Reply(200, {}, raw[:-1]), secrets=["canary|1"])
    assert isinstance(unreadable.error, UnreadableError)
    assert unreadable.error.raw == unreadable.raw == hidden[:-1]


def test_the_bytes_of_a_good_reply_are_as_they_came() -> None:
    raw = b'{"paging": {"next": "https://x/?access_token=canary"}}'
    assert read(Reply(200, {}, raw), secrets=["canary"]).raw == raw
