"""Webhook events of Pages and accounts."""

from typing import Any

import pytest
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake, form, json_reply, proof_of, query

from storykeep.graph.errors import UnreadableError
from storykeep.graph.subscriptions import (
    ACCOUNT_EVENTS,
    PAGE_EVENTS,
    Subscription,
    subscribe,
    subscriptions,
    unsubscribe,
)

PAGE_TOKEN = SecretStr("EAApage")


def done() -> Fake:
    return Fake(lambda _: json_reply({"success": True}))


def test_a_page_is_subscribed_by_a_field_of_its_own_with_its_own_token() -> None:
    fake = done()
    subscribe(fake.client, "2101", PAGE_TOKEN, PAGE_EVENTS)
    [request] = fake.requests
    assert (request.method, request.url) == ("POST", "http://graph.test/v26.0/2101/subscribed_apps")
    assert form(request) == {"subscribed_fields": "feed", "appsecret_proof": proof_of("EAApage")}
    assert request.headers["Authorization"] == "Bearer EAApage"


def test_an_account_is_subscribed_to_story_insights() -> None:
    fake = done()
    subscribe(fake.client, "1784", SecretStr("EAAcanary"), ACCOUNT_EVENTS)
    assert form(fake.requests[0])["subscribed_fields"] == "story_insights"


def test_instagram_subscribes_me() -> None:
    fake = Fake(lambda _: json_reply({"success": True}), "instagram")
    subscribe(fake.client, "me", SecretStr("IGAAcanary"), ("comments", "messages"))
    [request] = fake.requests
    assert request.url == "http://graph.test/v26.0/me/subscribed_apps"
    assert form(request) == {"subscribed_fields": "comments,messages"}


def test_subscriptions_are_read_back() -> None:
    rows = [
        {"id": 111, "name": "Story Keeper", "subscribed_fields": ["feed"]},
        {"id": "7"},
        {"app_id": "8"},
        {"name": "no id"},
        3,
    ]
    fake = Fake(lambda _: json_reply({"data": rows}))
    assert subscriptions(fake.client, "2101", PAGE_TOKEN) == [
        Subscription("111", "Story Keeper", ("feed",)),
        Subscription("7", None, ()),
        Subscription("8", None, ()),
    ]


def test_a_subscription_is_ended() -> None:
    fake = done()
    unsubscribe(fake.client, "2101", PAGE_TOKEN)
    [request] = fake.requests
    assert (request.method, query(request)) == ("DELETE", {"appsecret_proof": proof_of("EAApage")})
    assert "EAApage" not in (request.url or "")


@pytest.mark.parametrize(
    "call", [lambda c: subscribe(c, "1", PAGE_TOKEN, ()), lambda c: unsubscribe(c, "1", PAGE_TOKEN)]
)
def test_what_is_not_confirmed_is_an_error(call: Any) -> None:
    with pytest.raises(UnreadableError):
        call(Fake(lambda _: json_reply({"success": False})).client)


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    fake = done()
    unsubscribe(fake.client, "../me?x=", PAGE_TOKEN)
    assert (fake.requests[0].url or "").startswith("http://graph.test/v26.0/..%2Fme%3Fx%3D/subscribed_apps?")
