"""A code of the sign-in dialog becomes a token."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import SECRET, Fake, envelope, form, json_reply, query

from storykeep.graph.errors import GraphError, RefusedError, RequestError, TransientError, UnreadableError
from storykeep.graph.signin import Person, person, redeem

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CODE = SecretStr("canary-code#_")
BACK = "https://storykeep.test/callback"
ALL_SCOPES = ("instagram_business_basic", "instagram_business_manage_insights")


def test_a_facebook_code_is_redeemed_at_the_graph_host() -> None:
    fake = Fake(lambda _: json_reply({"access_token": "EAAshort", "token_type": "bearer", "expires_in": 5100}))
    found = redeem(fake.client, CODE, BACK, NOW)
    assert (found.token.token.get_secret_value(), found.ig_user_id) == ("EAAshort", None)
    assert found.token.expires_at == NOW + timedelta(seconds=5100)
    [request] = fake.requests
    assert (request.method, (request.url or "").partition("?")[0]) == (
        "GET",
        "http://graph.test/v26.0/oauth/access_token",
    )
    assert query(request) == {
        "client_id": "111",
        "client_secret": SECRET,
        "redirect_uri": BACK,
        "code": "canary-code",
    }


def test_an_instagram_code_is_redeemed_at_the_token_host_with_nothing_in_the_url() -> None:
    fake = Fake(lambda _: json_reply({"access_token": "IGAAshort", "user_id": 17841400000000001}), "instagram")
    redeem(fake.client, CODE, BACK, NOW)
    [request] = fake.requests
    assert (request.method, request.url) == ("POST", "http://token.test/")
    assert form(request) == {
        "client_id": "111",
        "client_secret": SECRET,
        "grant_type": "authorization_code",
        "redirect_uri": BACK,
        "code": "canary-code",
    }


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"data": [x]}, lambda x: {"data": x}])
@pytest.mark.parametrize("permissions", [list(ALL_SCOPES), ",".join(ALL_SCOPES), ", ".join(ALL_SCOPES)])
@pytest.mark.parametrize("user_id", [17841400000000001, "17841400000000001"])
def test_every_shape_of_the_answer_is_read(wrap: Any, permissions: Any, user_id: Any) -> None:
    body = wrap({"access_token": "IGAAshort", "user_id": user_id, "permissions": permissions})
    found = redeem(Fake(lambda _: json_reply(body), "instagram").client, CODE, BACK, NOW)
    assert found.ig_user_id == "17841400000000001"
    assert (found.token.permissions, found.token.expires_at) == (ALL_SCOPES, None)


def test_permissions_that_are_not_told_are_unknown_and_not_none_at_all() -> None:
    def told(**permissions: Any) -> Any:
        body = {"access_token": "IGAAshort", **permissions}
        return redeem(Fake(lambda _: json_reply(body), "instagram").client, CODE, BACK, NOW).token.permissions

    assert told() is None
    assert told(permissions=[]) == told(permissions="") == ()


def test_the_token_hosts_own_kind_of_error_is_told_without_the_code() -> None:
    message = "Matching code canary-code was not found or was already used"
    body = {"error_type": "OAuthException", "code": 400, "error_message": message}
    fake = Fake(lambda _: json_reply(body, 400), "instagram")
    with pytest.raises(RequestError, match=r"Matching code \*\*\* was not found") as caught:
        redeem(fake.client, SecretStr("canary-code"), BACK, NOW)
    assert "canary" not in repr(caught.value)


def test_a_used_facebook_code_is_refused() -> None:
    fake = Fake(lambda _: json_reply(envelope(100, 36009, "This authorization code has been used."), 400))
    with pytest.raises(RefusedError):
        redeem(fake.client, CODE, BACK, NOW)


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
@pytest.mark.parametrize("failure", [requests.ReadTimeout("canary"), None])
def test_a_code_is_sent_once_and_never_again(flavour: Any, failure: Exception | None) -> None:
    def reply(_: requests.PreparedRequest) -> Any:
        if failure:
            raise failure
        return json_reply(envelope(1), 500)

    fake = Fake(reply, flavour)
    with pytest.raises(TransientError) as caught:
        redeem(fake.client, CODE, BACK, NOW)
    assert len(fake.requests) == 1
    assert "canary" not in repr(caught.value)


@pytest.mark.parametrize("token", [None, "", 5, "two words", "tok\u00e9n", "\ud800"])
def test_an_answer_without_a_token_that_can_be_sent_is_unreadable(token: Any) -> None:
    fake = Fake(lambda _: json_reply({"access_token": token, "user_id": 1}), "instagram")
    with pytest.raises(UnreadableError):
        redeem(fake.client, CODE, BACK, NOW)


def test_no_repr_shows_a_token() -> None:
    fake = Fake(lambda _: json_reply({"access_token": "IGAAcanary"}), "instagram")
    assert "canary" not in repr(redeem(fake.client, CODE, BACK, NOW))


def test_an_error_with_status_200_is_still_an_error() -> None:
    with pytest.raises(GraphError):
        redeem(Fake(lambda _: json_reply({"error_message": "no", "code": 400}), "instagram").client, CODE, BACK, NOW)


def test_who_signed_in_at_facebook_has_an_id_within_the_app_and_a_name() -> None:
    fake = Fake(lambda _: json_reply({"id": 9001, "name": "Ada Agent"}))
    assert person(fake.client, SecretStr("EAAcanary")) == Person("9001", "Ada Agent")
    assert "appsecret_proof=" in (fake.requests[0].url or "")
    with pytest.raises(UnreadableError):
        person(Fake(lambda _: json_reply({"name": "Ada"})).client, SecretStr("EAAcanary"))
