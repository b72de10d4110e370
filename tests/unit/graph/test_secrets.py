"""No token or secret in any repr, message or log line."""

import logging
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import SECRET, Fake, ask, batch_of, envelope, item, json_reply, proof_of
from tests.unit.graph.test_tokens import NOW

from storykeep.graph.errors import GraphError
from storykeep.graph.pages import pages
from storykeep.graph.permissions import revoke
from storykeep.graph.signin import redeem
from storykeep.graph.subscriptions import subscribe
from storykeep.graph.tokens import exchange_facebook, exchange_instagram

LEAKY = f"token EAAcanary1 of app 111|{SECRET} at https://x/?access_token=EAAcanary1"


@pytest.mark.parametrize(
    "body", [{"paging": {"next": LEAKY}}, envelope(190, message=LEAKY), envelope(2, message=LEAKY)]
)
def test_no_answer_shows_one(body: Any) -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        return json_reply([item(body) for _ in batch_of(request)]) if request.method == "POST" else json_reply(body)

    fake = Fake(reply)
    [[answer]] = fake.client.answer([ask(1)])
    for one in (answer, fake.client.get(ask(1))):
        shown = repr(one) + str(one) + str(one.error) + repr(one.error) + repr(getattr(one.error, "args", ""))
        assert "EAAcanary" not in shown
        assert SECRET not in shown


def echo_of(request: requests.PreparedRequest) -> str:
    return f"bad request: {request.url} {request.body!r}"


def test_an_error_that_echoes_the_request_leaves_no_proof_behind() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        if request.method == "GET":
            return json_reply(envelope(100, message=echo_of(request)), 400)
        return json_reply([item(envelope(100, message=str(one)), 400) for one in batch_of(request)])

    fake = Fake(reply)
    [[answer]] = fake.client.answer([ask(1)])
    for one in (answer, fake.client.get(ask(1))):
        assert b"appsecret_proof=***" in one.raw
        assert proof_of("EAAcanary1") not in one.raw.decode() + str(one.error)


def test_a_whole_batch_that_echoes_the_request_leaves_no_proof_behind() -> None:
    fake = Fake(lambda request: (200, {}, echo_of(request).encode()))
    [[answer]] = fake.client.answer([ask(1)])
    assert answer.raw.count(b"appsecret_proof") == 2
    for token in ("EAAcanary1", f"111|{SECRET}"):
        assert proof_of(token) not in answer.raw.decode()


def test_no_failed_batch_shows_one() -> None:
    [[answer]] = Fake(lambda _: json_reply(envelope(190, message=LEAKY), 400)).client.answer([ask(1)])
    assert "EAAcanary" not in repr(answer)
    assert SECRET not in repr(answer)


def test_no_failed_exchange_shows_one() -> None:
    fake = Fake(lambda _: json_reply(envelope(190, message=LEAKY), 400))
    with pytest.raises(GraphError) as caught:
        exchange_facebook(fake.client, SecretStr("EAAcanary1"), NOW)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: redeem(client, SecretStr("EAAcanary1"), "http://back", NOW),
        lambda client: exchange_instagram(client, SecretStr("EAAcanary1"), NOW),
        lambda client: pages(client, SecretStr("EAAcanary1")),
        lambda client: revoke(client, SecretStr("EAAcanary1")),
        lambda client: subscribe(client, "2101", SecretStr("EAAcanary1"), ("feed",)),
    ],
)
@pytest.mark.parametrize("code", [1, 100, 190, 400])
def test_no_failed_call_shows_one(call: Any, code: int) -> None:
    with pytest.raises(GraphError) as caught:
        call(Fake(lambda _: json_reply(envelope(code, message=LEAKY), 400)).client)
    assert "canary" not in str(caught.value) + repr(caught.value)


def test_the_http_librarys_debug_lines_have_no_query(caplog: pytest.LogCaptureFixture) -> None:
    Fake(lambda _: json_reply({}))
    logger = logging.getLogger("urllib3.connectionpool")
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        logger.debug(
            '%s://%s:%s "%s %s %s" %s %s', "http", "h", 1, "GET", "/x?client_secret=canary", "HTTP/1.1", 200, 5
        )
    assert caplog.messages == ['http://h:1 "GET /x HTTP/1.1" 200 5']
