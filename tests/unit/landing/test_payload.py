"""What of a reply may land, and under which hash."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.landing.payload import UnlandableError, content_hash, decode, fault, scrub, scrub_bytes

LINK = "https://graph.facebook.com/v26.0/1/stories?access_token=EAAsecret&after=x"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    "raw", [b"\xff", b"", b"<html>", b'{"a": 1', b"NaN", b"[" * 100_000, b'{"a": Infinity}', b"1" * 5000]
)
def test_bytes_that_are_no_json_are_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(UnlandableError, match="not"):
        decode(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (rb'{"caption": "a\u0000b"}', "NUL"),
        (rb'{"a": [{"b\u0000": 1}]}', "NUL"),
        (rb'{"caption": "\ud83d"}', "surrogate"),
        (b'{"a": {"x": 1, "x": 2}}', "twice"),
        (b'{"a": 1e999}', "too large"),
    ],
)
def test_what_jsonb_would_refuse_or_change_is_a_fault(raw: bytes, reason: str) -> None:
    assert reason in str(fault(decode(raw)))


def test_one_poisoned_node_leaves_its_neighbours_good() -> None:
    nodes = decode(rb'{"data": [{"id": "1"}, {"id": "2", "caption": "\u0000"}]}')["data"]
    assert [fault(node) is None for node in nodes] == [True, False]


def test_secrets_go_and_cursors_stay() -> None:
    body = {"data": [{"id": "1", "access_token": "EAApage"}], "paging": {"cursors": {"after": "x"}, "next": LINK}}
    assert scrub(body) == {"data": [{"id": "1"}], "paging": {"cursors": {"after": "x"}}}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"paging": {"next": "https://x/?access_token=EAAsecret&after=x", "cut',
        b'{"access_token": "EAAsecret", "cut',
        b'{"access_token":"EAAsecret',
        b"<a href='?access_token%3DEAAsecret'>",
        b"a token told elsewhere: EAAknown.",
    ],
)
def test_bytes_lose_their_secrets_too(raw: bytes) -> None:
    kept = scrub_bytes(raw, ["EAAknown"])
    assert b"EAA" not in kept
    assert len(kept) > len(raw) / 2


def test_a_byte_order_mark_is_no_fault() -> None:
    assert decode(b"\xef\xbb\xbf" + b'{"data": []}') == {"data": []}


def test_links_to_other_pages_go_also_where_no_cursors_are() -> None:
    body = {"data": [], "paging": {"next": "https://x/?access_token=EAAsecret", "previous": "https://x/"}}
    assert scrub(body) == {"data": [], "paging": {}}


def test_a_token_of_another_account_goes_by_its_shape() -> None:
    for prefix in ("EAA", "IGAA", "IGQV"):
        assert scrub_bytes(f"<p>{prefix}{'x1' * 60} is bad</p>".encode(), []) == b"<p>*** is bad</p>"
    assert scrub_bytes(b"EAAshort and tEAA" + b"x" * 60, []) == b"EAAshort and tEAA" + b"x" * 60


def test_a_field_that_is_merely_called_next_stays() -> None:
    assert scrub({"next": "swipe"}) == {"next": "swipe"}


def test_a_new_signature_is_no_new_content() -> None:
    node = {"id": "1", "media_url": "https://a.cdninstagram.com/v/x.jpg?oh=1&oe=2"}
    again = node | {"media_url": "https://b.cdninstagram.com/v/x.jpg?oh=3&oe=4&_nc_rid=5"}
    other = node | {"media_url": "https://a.cdninstagram.com/v/y.jpg?oh=1&oe=2"}
    assert content_hash(node) == content_hash(again) != content_hash(other)


def test_key_order_is_no_content() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1}) != content_hash({"a": 2, "b": 1})


@given(json_values)
def test_any_json_is_decoded_or_refused_and_never_raises_otherwise(value: object) -> None:
    decoded = decode(json.dumps(value).encode())
    assert decoded == value
    fault(decoded)
    content_hash(scrub(decoded))


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    with suppress(UnlandableError):
        decode(raw)


def test_bottomless_nesting_is_refused() -> None:
    assert decode(b'{"a":' * 50 + b"1" + b"}" * 50)
    with pytest.raises(UnlandableError, match="levels"):
        decode(b'{"a":' * 500 + b"1" + b"}" * 500)
