"""Every call that the client knows, against the sandbox: what one writes, the other has to understand."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr
from tests.integration.capture.conftest import EVENING
from tests.integration.graph.conftest import Crowd, Row

from storykeep.graph import endpoints
from storykeep.graph.client import GraphClient
from storykeep.graph.errors import GraphError, PermissionMissingError, ReconnectError, RefusedError, WithheldError
from storykeep.graph.metrics import ACCOUNT_GROUPS, Product, media_groups
from storykeep.graph.pages import pages
from storykeep.graph.paging import walk
from storykeep.graph.permissions import permissions, revoke
from storykeep.graph.signin import redeem
from storykeep.graph.subscriptions import ACCOUNT_EVENTS, PAGE_EVENTS, subscribe, subscriptions, unsubscribe
from storykeep.graph.tokens import debug_token, exchange_facebook, exchange_instagram, inspect, me, refresh_instagram
from storykeep.settings import FLAVOURS, Flavour

BACK = "https://app.example/back"
SCOPES = {
    "facebook": "instagram_basic,instagram_manage_insights,pages_show_list,pages_manage_metadata",
    "instagram": "instagram_business_basic,instagram_business_manage_insights",
}


@pytest.fixture
def one(crowd: Crowd) -> Crowd:
    """The crowd with the tokens that the world began with, before and after."""
    crowd.control("DELETE", "grants")
    return crowd


def token_of(account: Row) -> SecretStr:
    return SecretStr(account["access_token"])


def dialog(crowd: Crowd, account: Row) -> SecretStr:
    """Let an account's owner sign in; the code that comes back."""
    flavour: Flavour = "facebook" if account["login_flavour"] == "facebook" else "instagram"
    crowd.control("POST", "dialog", {"ig_user_id": account["ig_user_id"]})
    path = {"facebook": "v26.0/dialog/oauth", "instagram": "oauth/authorize"}[flavour]
    params = {"client_id": crowd.running.app[flavour].id, "redirect_uri": BACK, "state": "s", "response_type": "code"}
    reply = requests.get(
        f"{getattr(crowd.running, flavour)}/{path}",
        params={**params, "scope": SCOPES[flavour]},
        allow_redirects=False,
        timeout=10,
    )
    return SecretStr(parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0])


def client_of(crowd: Crowd, flavour: Flavour) -> GraphClient:
    settings = replace(crowd.settings(flavour), token_url=f"{crowd.running.instagram}/oauth/access_token")
    return GraphClient(settings, sleep=lambda _: None)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_creator_signs_in_and_the_token_is_made_to_last(one: Crowd, flavour: Flavour) -> None:
    client, account = client_of(one, flavour), one.accounts(flavour)[0]
    short = redeem(client, dialog(one, account), BACK, EVENING).token
    if flavour == "facebook":  # the other host does not say
        assert short.expires_at is not None
        assert short.expires_at < EVENING + timedelta(hours=2)
    long = (exchange_facebook if flavour == "facebook" else exchange_instagram)(client, short.token, EVENING)
    assert long.expires_at is not None
    assert long.expires_at > EVENING + timedelta(days=59)
    assert inspect(client, long.token).is_valid
    if flavour == "instagram":
        assert me(client, long.token).ig_user_id == account["ig_user_id"]
        one.control("POST", "clock", {"now": (EVENING + timedelta(hours=25)).isoformat()})
        assert refresh_instagram(client, long.token, EVENING).expires_at is not None


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_code_is_good_for_one_use(one: Crowd, flavour: Flavour) -> None:
    client, code = client_of(one, flavour), dialog(one, one.accounts(flavour)[0])
    redeem(client, code, BACK, EVENING)
    with pytest.raises(GraphError) as caught:
        redeem(client, code, BACK, EVENING)
    assert code.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize("shape", ["flat", "wrapped"])
def test_both_shapes_of_a_token_answer_are_understood(one: Crowd, shape: str) -> None:
    account = one.accounts("instagram")[0]
    one.control("POST", "switches", {"CODE_ANSWER": shape})
    try:
        signed_in = redeem(client_of(one, "instagram"), dialog(one, account), BACK, EVENING)
    finally:
        one.control("DELETE", "switches")
    assert signed_in.ig_user_id == account["ig_user_id"]
    assert signed_in.token.permissions == tuple(SCOPES["instagram"].split(","))


def test_the_pages_of_a_person_lead_to_the_account_also_from_the_second_page_on(one: Crowd) -> None:
    client = one.client("facebook")
    found = {}
    for account in one.accounts("facebook"):
        seen = pages(client, token_of(account))
        linked = [page for page in seen if page.ig_user_id]
        assert [(page.page_id, page.ig_user_id) for page in linked] == [(account["page_id"], account["ig_user_id"])]
        assert linked[0].token is not None
        assert "ANALYZE" in linked[0].tasks
        found[account["ig_user_id"]] = len(seen)
    assert max(found.values()) > 100
    assert min(found.values()) == 1


def test_a_page_and_an_account_are_subscribed_and_unsubscribed(one: Crowd) -> None:
    client, account = one.client("facebook"), one.accounts("facebook")[0]
    for node, token, events in (
        (account["page_id"], SecretStr(account["page_access_token"]), PAGE_EVENTS),
        (account["ig_user_id"], token_of(account), ACCOUNT_EVENTS),
    ):
        subscribe(client, node, token, events)
        [mine] = subscriptions(client, node, token)
        assert (mine.app_id, mine.events) == (client.api.app_id, events)
        unsubscribe(client, node, token)
        assert subscriptions(client, node, token) == []
    with pytest.raises(RefusedError):
        subscribe(client, account["page_id"], SecretStr(account["page_access_token"]), ACCOUNT_EVENTS)


def test_permissions_are_told_and_given_back_one_by_one_and_all(one: Crowd) -> None:
    client, account = one.client("facebook"), one.accounts("facebook")[0]
    token = token_of(account)
    assert set(permissions(client, token).values()) == {"granted"}
    revoke(client, token, "instagram_manage_insights")
    assert permissions(client, token)["instagram_manage_insights"] == "declined"
    assert "instagram_manage_insights" not in debug_token(client, token).scopes
    group = media_groups("STORY", "facebook")[0]
    listed = client.get(endpoints.stories(account["ig_user_id"], token, key="k"))
    assert listed.body is not None
    ask = endpoints.insights(listed.body["data"][0]["id"], token, group, pool=account["ig_user_id"], key="k")
    assert isinstance(client.get(ask).error, PermissionMissingError)
    revoke(client, token)
    error = client.get(endpoints.stories(account["ig_user_id"], token, key="k")).error
    assert isinstance(error, ReconnectError)
    assert error.reason == "app_removed"
    assert debug_token(client, token).reason == "app_removed"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("revoked", "app_removed"),
        ("password_changed", "password_changed"),
        ("logged_out", "logged_out"),
        ("checkpointed", "checkpointed"),
        ("unconfirmed", "unconfirmed_user"),
        ("expired", "token_expired"),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_befalls_a_token_is_told_by_its_reason(one: Crowd, flavour: Flavour, event: str, reason: str) -> None:
    client, account = one.client(flavour), one.accounts(flavour)[0]
    one.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "event": event})
    facts = inspect(client, token_of(account))
    assert (facts.is_valid, facts.reason) == (False, reason)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_feed_is_walked_and_every_group_of_its_media_answers(one: Crowd, flavour: Flavour) -> None:
    client, account = one.client(flavour), one.accounts(flavour)[0]
    token, pool = token_of(account), account["ig_user_id"]
    since = EVENING - timedelta(days=60)
    listed = walk(client.get, endpoints.media(pool, token, flavour, key="k", since=since, until=EVENING))
    assert len(listed) > 5
    products: dict[Product, list[str]] = {}
    for media in listed:
        products.setdefault(media["media_product_type"], []).append(media["id"])
    assert products.keys() == {"FEED", "REELS"}
    for product, ids in products.items():
        node = client.get(endpoints.media_node(ids[0], token, product, flavour, pool=pool, key="k"))
        assert node.body is not None
        asks = [
            endpoints.insights(ids[-1], token, group, pool=pool, key=group.name)
            for group in media_groups(product, flavour)
        ]
        answers = [answer for chunk in client.answer(asks) for answer in chunk]
        refused = {
            answer.ask.key for answer in answers if isinstance(answer.error, RefusedError | PermissionMissingError)
        }
        others = {answer.ask.key: answer.error for answer in answers if answer.error and answer.ask.key not in refused}
        assert not {error for error in others.values() if not isinstance(error, WithheldError)}
        assert refused <= {"facebook_views", "crossposted_views", "total_views"}
        assert {row["name"] for row in answers[0].body["data"]} == set(asks[0].params["metric"].split(","))  # type: ignore[index]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_account_group_answers(one: Crowd, flavour: Flavour) -> None:
    client, account = one.client(flavour), one.accounts(flavour)[0]
    for group in ACCOUNT_GROUPS:
        answer = client.get(endpoints.account_insights(account["ig_user_id"], token_of(account), group, key=group.name))
        assert answer.error is None, (group, answer.error)
        assert answer.body is not None
        assert {row["name"] for row in answer.body["data"]} == set(group.metrics)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_profile_and_tags(one: Crowd, flavour: Flavour) -> None:
    client, account = one.client(flavour), one.accounts(flavour)[0]
    profile = client.get(endpoints.profile(account["ig_user_id"], token_of(account), flavour, key="k"))
    assert profile.body is not None
    assert profile.body["username"] == account["username"]
    tagged = walk(client.get, endpoints.tags(account["ig_user_id"], token_of(account), key="k"))
    assert tagged
    assert len({media["id"] for media in tagged}) == len(tagged)
