"""The life of a token."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import SECRET, Fake, batch_of, envelope, item, json_reply, proof_of, query

from storykeep.graph.client import Answer
from storykeep.graph.errors import ReconnectError, RefusedError, TransientError, UnreadableError
from storykeep.graph.tokens import (
    Profile,
    TokenFacts,
    debug_token,
    exchange_facebook,
    exchange_instagram,
    facts_of,
    inspect,
    inspection,
    me,
    refresh_instagram,
)
from storykeep.settings import FLAVOURS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN = SecretStr("EAAcanary")


def answering(body: Any, flavour: Any = "facebook", status: int = 200) -> Fake:
    return Fake(lambda _: json_reply(body, status), flavour)


def test_the_facts_of_a_live_token() -> None:
    data = {
        "is_valid": True,
        "expires_at": 1800400000,
        "data_access_expires_at": 1803000000,
        "issued_at": 1795216000,
        "scopes": ["instagram_basic"],
        "user_id": "9001",
    }
    fake = answering({"data": data})
    assert debug_token(fake.client, TOKEN) == TokenFacts(
        is_valid=True,
        expires_at=datetime.fromtimestamp(1800400000, UTC),
        data_access_expires_at=datetime.fromtimestamp(1803000000, UTC),
        issued_at=datetime.fromtimestamp(1795216000, UTC),
        scopes=("instagram_basic",),
        user_id="9001",
        reason=None,
    )
    [request] = fake.requests
    assert request.headers["Authorization"] == f"Bearer 111|{SECRET}"
    assert query(request)["input_token"] == "EAAcanary"


def test_zero_means_never() -> None:
    facts = debug_token(answering({"data": {"is_valid": True, "expires_at": 0}}).client, TOKEN)
    assert facts.expires_at is None


def test_a_dead_token_is_told_with_status_200() -> None:
    data = {"is_valid": False, "error": {"code": 190, "message": "m", "subcode": 460}}
    facts = debug_token(answering({"data": data}).client, TOKEN)
    assert (facts.is_valid, facts.reason) == (False, "password_changed")
    assert debug_token(answering({"data": {"is_valid": False}}).client, TOKEN).reason == "token_invalid"


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {"is_valid": "yes"}}])
def test_facts_without_the_fact_are_unreadable(body: Any) -> None:
    with pytest.raises(UnreadableError):
        debug_token(answering(body).client, TOKEN)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"data": x}, lambda x: {"data": [x]}])
def test_an_exchange_reads_every_shape(wrap: Any) -> None:
    fake = answering(wrap({"access_token": "EAAnew", "token_type": "bearer", "expires_in": 5183944}))
    new = exchange_facebook(fake.client, TOKEN, NOW)
    assert new.token.get_secret_value() == "EAAnew"
    assert new.expires_at == NOW + timedelta(seconds=5183944)
    assert query(fake.requests[0]) == {
        "grant_type": "fb_exchange_token",
        "client_id": "111",
        "client_secret": SECRET,
        "fb_exchange_token": "EAAcanary",
    }
    assert "Authorization" not in fake.requests[0].headers


def test_an_end_that_is_not_told_is_unknown() -> None:
    assert exchange_facebook(answering({"access_token": "EAAnew"}).client, TOKEN, NOW).expires_at is None


def test_no_repr_shows_a_new_token() -> None:
    assert "EAAnew" not in repr(exchange_facebook(answering({"access_token": "EAAnew"}).client, TOKEN, NOW))


@pytest.mark.parametrize("body", [{}, {"access_token": 5}, {"access_token": "a b"}, {"data": []}, {"data": [3]}])
def test_an_exchange_without_a_token_is_unreadable(body: Any) -> None:
    with pytest.raises(UnreadableError):
        exchange_facebook(answering(body).client, TOKEN, NOW)


def test_a_refresh_goes_to_its_own_path() -> None:
    fake = answering({"access_token": "IGAAnew", "expires_in": 10}, "instagram")
    assert refresh_instagram(fake.client, TOKEN, NOW).expires_at == NOW + timedelta(seconds=10)
    [request] = fake.requests
    assert (request.url or "").startswith("http://graph.test/refresh_access_token?")
    assert query(request) == {"grant_type": "ig_refresh_token", "access_token": "EAAcanary"}


def test_an_instagram_exchange_goes_to_its_own_path() -> None:
    fake = answering({"access_token": "IGAAlong", "token_type": "bearer", "expires_in": 5183944}, "instagram")
    new = exchange_instagram(fake.client, TOKEN, NOW)
    assert (new.token.get_secret_value(), new.expires_at) == ("IGAAlong", NOW + timedelta(seconds=5183944))
    [request] = fake.requests
    assert (request.url or "").startswith("http://graph.test/access_token?")
    assert query(request) == {
        "grant_type": "ig_exchange_token",
        "client_secret": SECRET,
        "access_token": "EAAcanary",
    }


def test_a_refresh_may_tell_what_is_granted() -> None:
    fake = answering({"access_token": "IGAAnew", "permissions": "instagram_business_basic,x"}, "instagram")
    assert refresh_instagram(fake.client, TOKEN, NOW).permissions == ("instagram_business_basic", "x")


def test_a_refused_refresh_shows_no_token() -> None:
    fake = answering(envelope(100, message="cannot refresh EAAcanary"), "instagram", 400)
    with pytest.raises(RefusedError) as caught:
        refresh_instagram(fake.client, TOKEN, NOW)
    assert "EAAcanary" not in str(caught.value)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"data": [x]}])
def test_a_profile_is_known_by_its_professional_id_as_text(wrap: Any) -> None:
    body = wrap({"id": "77", "user_id": 17841400000000001, "username": "creator_a", "followers_count": 12})
    assert me(answering(body, "instagram").client, TOKEN) == Profile(
        "17841400000000001", "creator_a", followers_count=12
    )


def test_an_id_that_lost_digits_is_no_id() -> None:
    with pytest.raises(UnreadableError):
        me(answering({"user_id": 1.78414e16}, "instagram").client, TOKEN)


def test_an_instagram_token_is_inspected_through_me() -> None:
    alive = inspect(answering({"user_id": "1784", "username": "a"}, "instagram").client, TOKEN)
    assert alive == TokenFacts(is_valid=True, user_id="1784")
    dead = inspect(answering(envelope(190, 463), "instagram", 400).client, TOKEN)
    assert dead == TokenFacts(is_valid=False, reason="token_expired")


def test_a_facebook_token_is_inspected_through_debug_token() -> None:
    fake = answering({"data": {"is_valid": True}})
    assert inspect(fake.client, TOKEN).is_valid
    assert "/v26.0/debug_token?" in (fake.requests[0].url or "")


def test_an_api_that_cannot_say_does_not_make_a_token_dead() -> None:
    with pytest.raises(TransientError):
        inspect(answering(envelope(2), "instagram", 500).client, TOKEN)


def inspected(fake: Fake, *tokens: str) -> list[Answer]:
    asks = [inspection(fake.client.api, SecretStr(token), pool="1784", key=n) for n, token in enumerate(tokens)]
    return [answer for answers in fake.client.answer(asks) for answer in answers]


def test_fifty_facebook_tokens_are_inspected_in_one_request_and_one_failure_costs_no_other() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        items = [item({"data": {"is_valid": True, "user_id": str(n)}}) for n, _ in enumerate(batch_of(request))]
        items[7] = item({"data": {"is_valid": False, "error": {"code": 190, "subcode": 492}}})
        items[8] = item(envelope(100, message="bad input_token EAAcanary8"), 400)
        return json_reply(items)

    fake = Fake(reply)
    answers = inspected(fake, *(f"EAAcanary{n}" for n in range(50)))
    [request] = fake.requests
    query_of_first = dict(parse_qsl(urlsplit(batch_of(request)[0]["relative_url"]).query))
    app = f"111|{SECRET}"
    assert query_of_first == {"input_token": "EAAcanary0", "access_token": app, "appsecret_proof": proof_of(app)}
    assert batch_of(request)[0]["relative_url"].startswith("v26.0/debug_token?")
    assert facts_of(answers[7]).reason == "page_role_lost"
    with pytest.raises(RefusedError) as caught:
        facts_of(answers[8])
    assert "EAAcanary" not in f"{caught.value} {answers[8]!r} {answers[8].raw!r}"
    assert {facts_of(answers[n]).user_id for n in range(50) if n not in (7, 8)} == {
        str(n) for n in range(50) if n not in (7, 8)
    }


def test_a_refusal_of_the_app_is_no_fact_of_a_facebook_token() -> None:
    fake = Fake(lambda request: json_reply([item(envelope(190), 400) for _ in batch_of(request)]))
    [answer] = inspected(fake, "EAAcanary")
    with pytest.raises(ReconnectError):
        facts_of(answer)


def test_instagram_tokens_are_inspected_with_themselves() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        if "dead" in request.headers["Authorization"]:
            return json_reply(envelope(190, 460), 400)
        return json_reply({"data": [{"user_id": "1784"}]})

    alive, dead = inspected(Fake(reply, "instagram"), "IGAAlives", "IGAAdead")
    assert facts_of(alive) == TokenFacts(is_valid=True, user_id="1784")
    assert facts_of(dead) == TokenFacts(is_valid=False, reason="password_changed")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_no_repr_shows_a_token_that_is_asked_about(flavour: Any) -> None:
    api = Fake(lambda _: json_reply({}), flavour).client.api
    assert "canary" not in repr(inspection(api, TOKEN, pool="1784", key="nora"))


@pytest.mark.parametrize(
    ("granular", "ticked"),
    [
        (
            [{"scope": "pages_show_list", "target_ids": ["9"]}, {"scope": "instagram_basic", "target_ids": ["1"]}],
            ("1",),
        ),
        ([{"scope": "instagram_basic"}], ()),
        (None, ()),
        (["instagram_basic", {"scope": "instagram_basic", "target_ids": 7}], ()),
    ],
)
def test_the_accounts_that_were_ticked_are_told_where_the_api_names_them(granular: Any, ticked: Any) -> None:
    body = {"data": {"is_valid": True, "granular_scopes": granular}}
    assert debug_token(answering(body).client, TOKEN).instagram_targets == ticked
