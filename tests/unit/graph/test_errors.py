"""The table: which code means what."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.graph.fake_api import envelope

from storykeep.graph.errors import (
    RULES,
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    RequestError,
    ThrottledError,
    TransientError,
    WithheldError,
    classify,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "code", "message"]) | st.text(), inner),
)


@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [
        (1, None, TransientError),
        (1, 99, TransientError),
        (2, None, TransientError),
        (3, None, RequestError),
        (10, None, PermissionMissingError),
        (24, 2207006, GoneError),
        (100, None, RefusedError),
        (100, 33, GoneError),
        (100, 2108006, RefusedError),
        (100, 2207086, RefusedError),
        (10, 2207086, RefusedError),
        (None, 2207086, RefusedError),
        (104, None, RequestError),
        (200, None, PermissionMissingError),
        (230, None, PermissionMissingError),
        (299, None, PermissionMissingError),
        (803, None, GoneError),
        (2500, None, RequestError),
        (2635, None, RequestError),
        (424242, None, RequestError),
    ],
)
def test_each_code_has_its_class(code: int, subcode: int | None, kind: type[GraphError]) -> None:
    error = classify(400, envelope(code, subcode))
    assert type(error) is kind
    assert (error.code, error.subcode, error.status) == (code, subcode, 400)


@pytest.mark.parametrize(
    ("code", "subcode", "reason"),
    [
        (190, 463, "token_expired"),
        (190, 460, "password_changed"),
        (190, 458, "app_removed"),
        (190, 459, "checkpointed"),
        (190, 464, "unconfirmed_user"),
        (190, 467, "logged_out"),
        (190, 492, "page_role_lost"),
        (190, None, "token_invalid"),
        (190, 7, "token_invalid"),
        (102, None, "token_invalid"),
    ],
)
def test_a_dead_token_has_a_reason(code: int, subcode: int | None, reason: str) -> None:
    error = classify(400, envelope(code, subcode))
    assert isinstance(error, ReconnectError)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("code", "scope"),
    [
        (4, "app"),
        (341, "app"),
        (17, "account"),
        (32, "account"),
        (368, "account"),
        (613, "account"),
        (80001, "account"),
        (80002, "account"),
    ],
)
def test_throttling_has_a_scope(code: int, scope: str) -> None:
    error = classify(400, envelope(code))
    assert isinstance(error, ThrottledError)
    assert error.scope == scope


def test_a_throttled_pool_waits_as_long_as_the_header_says() -> None:
    error = classify(400, envelope(80002), wait=timedelta(minutes=7))
    assert isinstance(error, ThrottledError)
    assert error.wait == timedelta(minutes=7)


def test_a_policy_block_is_long_without_any_header() -> None:
    error = classify(400, envelope(368), wait=None)
    assert isinstance(error, ThrottledError)
    assert error.wait == timedelta(hours=6)


def test_code_10_is_told_apart_by_its_text() -> None:
    few = classify(400, envelope(10, message="(#10) Not enough viewers for the media to show insights"))
    barred = classify(
        403, envelope(10, message="(#10) Application does not have permission for this action"), scope="s"
    )
    assert type(few) is WithheldError
    assert isinstance(barred, PermissionMissingError)
    assert barred.scope == "s"


def test_a_wrong_app_secret_is_not_a_refused_metric() -> None:
    error = classify(400, envelope(100, message="Invalid appsecret_proof provided in the API argument"))
    assert type(error) is RequestError


def test_the_status_decides_only_without_a_known_code() -> None:
    assert type(classify(500, envelope(190))) is ReconnectError
    assert type(classify(500, {})) is TransientError
    assert type(classify(429, {})) is ThrottledError
    assert type(classify(404, {})) is RequestError
    assert type(classify(400, {"error": {"code": 987654, "is_transient": True}})) is TransientError


def test_codes_as_text_and_the_helper_hosts_envelope_are_read() -> None:
    assert type(classify(400, envelope("190", "463"))) is ReconnectError
    helper = classify(400, {"error_type": "OAuthException", "code": 400, "error_message": "Invalid code"})
    assert (type(helper), helper.message) == (RequestError, "Invalid code")


def test_the_message_loses_every_secret() -> None:
    text = 'bad token canary-1 at https://x/?access_token=abcdef&fields=id, {"access_token":"q"} EAAxyzxyzxyz'
    error = classify(400, envelope(190, message=text), secrets=["canary-1"])
    assert str(error) == 'bad token *** at https://x/?access_token=***&fields=id, {"access_token":"***"} ***'


def test_the_message_is_one_bounded_printable_line() -> None:
    error = classify(400, envelope(190, message="a\0b\nc\ud800" + "x" * 10_000))
    assert error.message.startswith("a b c xxx")
    assert len(error.message) == 500


@given(st.integers(100, 599), JSON)
def test_any_json_is_classified(status: int, body: object) -> None:
    error = classify(status, body, secrets=["secret"])
    assert isinstance(error, GraphError)
    error.message.encode()


@given(JSON)
def test_any_envelope_is_classified(value: object) -> None:
    body = {"error": {"code": value, "error_subcode": value, "message": value, "is_transient": value}}
    assert isinstance(classify(400, body), GraphError)


def test_every_row_can_be_reached_and_says_why() -> None:
    for rule in RULES:
        body = envelope(rule.code, rule.subcode, message=rule.text or "it failed")
        assert type(classify(400, body)) is rule.kind
        assert rule.why
