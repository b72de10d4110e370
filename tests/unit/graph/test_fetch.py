"""Requests that belong to no account: how they prove themselves, where they go, what is repeated."""

from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake, envelope, form, json_reply, proof_of, query

from storykeep.graph.client import Method
from storykeep.graph.errors import PermissionMissingError, ReconnectError, TransientError, UnreachableError

TOKEN = SecretStr("EAAcanary")


def well(_: requests.PreparedRequest) -> Any:
    return json_reply({"success": True})


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_method_has_the_token_in_the_header_and_the_proof_beside(method: Method) -> None:
    fake = Fake(well)
    assert fake.client.fetch("v26.0/x", {"a": "b"}, token=TOKEN, method=method) == {"success": True}
    [request] = fake.requests
    assert request.method == method
    assert request.headers["Authorization"] == "Bearer EAAcanary"
    sent, empty = (form(request), query(request)) if method == "POST" else (query(request), form(request))
    assert sent == {"a": "b", "appsecret_proof": proof_of("EAAcanary")}
    assert empty == {}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_instagram_gets_no_proof(method: Method) -> None:
    fake = Fake(well, "instagram")
    fake.client.fetch("v26.0/x", {}, token=TOKEN, method=method)
    [request] = fake.requests
    assert "proof" not in f"{request.url}{request.body}"


def test_a_whole_url_leads_to_another_host() -> None:
    fake = Fake(well)
    fake.client.fetch("http://token.test/oauth/access_token", {})
    fake.client.fetch("v26.0/http://token.test", {})
    assert [request.url for request in fake.requests] == [
        "http://token.test/oauth/access_token",
        "http://graph.test/v26.0/http://token.test",
    ]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_may_be_repeated_is_asked_again(method: Method) -> None:
    fake = Fake(lambda _: json_reply(envelope(2), 500))
    with pytest.raises(TransientError):
        fake.client.fetch("x", {}, method=method)
    assert len(fake.requests) == 3


@pytest.mark.parametrize("failure", [requests.ReadTimeout(), requests.ConnectionError(), None])
def test_what_cannot_be_repeated_is_sent_once(failure: Exception | None) -> None:
    def reply(_: requests.PreparedRequest) -> Any:
        if failure:
            raise failure
        return json_reply(envelope(2), 500)

    fake = Fake(reply)
    with pytest.raises(UnreachableError if failure else TransientError):
        fake.client.fetch("x", {}, method="POST", once=True)
    assert len(fake.requests) == 1


@pytest.mark.parametrize("token", ["", "a\r\nb:c", "tokén", "\ud800"])
def test_a_text_that_is_no_token_is_never_sent(token: str) -> None:
    fake = Fake(well)
    with pytest.raises(ReconnectError):
        fake.client.fetch("x", {}, token=SecretStr(token))
    assert not fake.requests


def test_a_missing_permission_is_named() -> None:
    fake = Fake(lambda _: json_reply(envelope(200), 403))
    with pytest.raises(PermissionMissingError) as caught:
        fake.client.fetch("v26.0/2101/subscribed_apps", {}, token=TOKEN, method="POST")
    assert caught.value.scope == "pages_manage_metadata"
