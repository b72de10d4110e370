"""Tokens that end before their date, on demand, and what heals them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

SUBCODES = {
    "revoked": 458,
    "checkpointed": 459,
    "password_changed": 460,
    "expired": 463,
    "unconfirmed": 464,
    "logged_out": 467,
}
WORDS = {
    "revoked": "has not authorized application",
    "checkpointed": "blocking, logged-in checkpoint",
    "password_changed": "changed their password",
    "expired": "Session has expired on",
    "unconfirmed": "not a confirmed user",
    "logged_out": "logged out",
}


def befall(world, account, **what):
    reply = world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], **what})
    assert reply.status_code == 200, reply.text
    return reply.json()


def now(world) -> datetime:
    return datetime.fromisoformat(world.control("GET", "clock").json()["now"])


def stories(world, account, token=None):
    return world.get(account, f"{account['ig_user_id']}/stories", token)


def facts(world, token):
    app = world.running.app["facebook"]
    params = {"input_token": token, "access_token": app.token}
    reply = world.http.get(f"{world.running.facebook}/v26.0/debug_token", params=params, timeout=10)
    assert reply.status_code == 200
    return reply.json()["data"]


def sign_in(world, account, **asked) -> str:
    """The short-lived token of a sign-in at which this account's owner allows everything."""
    host = account["login_flavour"]
    base, app = getattr(world.running, host), world.running.app[host]
    world.control("POST", "dialog", {"ig_user_id": account["ig_user_id"]})
    scope = {
        "facebook": "instagram_basic,instagram_manage_insights,pages_show_list",
        "instagram": "instagram_business_basic,instagram_business_manage_insights",
    }[host]
    params = {"client_id": app.id, "redirect_uri": "https://app.example/back", "scope": scope, **asked}
    path = {"facebook": "v26.0/dialog/oauth", "instagram": "oauth/authorize"}[host]
    back = world.http.get(f"{base}/{path}", params=params, allow_redirects=False, timeout=10).headers["Location"]
    form = {
        "client_id": app.id,
        "client_secret": app.secret,
        "grant_type": "authorization_code",
        "redirect_uri": "https://app.example/back",
        "code": back.partition("code=")[2].removesuffix("#_"),
    }
    method, path = {"facebook": ("GET", "v26.0/oauth/access_token"), "instagram": ("POST", "oauth/access_token")}[host]
    sent = {"params": form} if method == "GET" else {"data": form}
    return world.http.request(method, f"{base}/{path}", timeout=10, **sent).json()["access_token"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("event", SUBCODES)
def test_every_token_of_the_account_ends_and_a_new_sign_in_heals_it(world, event, number):
    account, bystander = world.account(number), world.account(number + 2)
    assert stories(world, account).status_code == 200
    ends = befall(world, account, event=event)["ends"]
    assert [(end["event"], end["at"]) for end in ends] == [(event, "2026-11-05T20:00:00Z")]
    tokens = [account["access_token"], *([account["page_access_token"]] if number == 0 else [])]
    for token in tokens:
        reply = stories(world, account, token)
        assert (reply.status_code, world.error(reply)) == (400, (190, SUBCODES[event]))
        assert WORDS[event] in reply.json()["error"]["message"]
        assert "invalid_token" in reply.headers["WWW-Authenticate"]
    assert stories(world, bystander).status_code == 200
    assert stories(world, account, sign_in(world, account)).status_code == 200
    assert world.error(stories(world, account)) == (190, SUBCODES[event])


@pytest.mark.parametrize("event", SUBCODES)
def test_debug_token_says_what_made_an_end_of_it(world, event):
    account = world.account(0)
    befall(world, account, event=event)
    data = facts(world, account["access_token"])
    assert data["is_valid"] is False
    assert (data["error"]["code"], data["error"]["subcode"]) == (190, SUBCODES[event])
    assert WORDS[event] in data["error"]["message"]


def test_a_dead_token_is_neither_exchanged_nor_refreshed(world):
    facebook, instagram = world.account(0), world.account(1)
    app = world.running.app["facebook"]
    for account in (facebook, instagram):
        befall(world, account, event="password_changed")
    params = {"grant_type": "fb_exchange_token", "client_id": app.id, "client_secret": app.secret}
    reply = world.get(facebook, "oauth/access_token", fb_exchange_token=facebook["access_token"], **params)
    assert world.error(reply) == (190, 460)
    assert world.error(world.get(instagram, "refresh_access_token", grant_type="ig_refresh_token")) == (190, 460)


def test_who_lost_the_page_role_loses_the_page_token_and_the_page(world):
    account = world.account(0)
    befall(world, account, event="page_role_lost")
    assert world.error(stories(world, account, account["page_access_token"])) == (190, 492)
    assert facts(world, account["page_access_token"])["error"]["subcode"] == 492
    assert stories(world, account).status_code == 200
    assert world.get(account, "me/accounts").json() == {"data": []}
    again = sign_in(world, account)
    assert [page["id"] for page in world.get(account, "me/accounts", again).json()["data"]] == [account["page_id"]]


def test_ended_data_access_refuses_instagram_data_until_it_is_reauthorized(world):
    account = world.account(0)
    befall(world, account, event="data_access_ended")
    assert world.error(stories(world, account)) == (10, None)
    assert world.get(account, "me").status_code == 200
    data = facts(world, account["access_token"])
    assert (data["is_valid"], data["data_access_expires_at"]) == (True, now(world).timestamp())
    assert world.error(stories(world, account, sign_in(world, account))) == (10, None)
    token = sign_in(world, account, auth_type="reauthorize")
    assert stories(world, account, token).status_code == 200
    ninety_days_on = now(world) + timedelta(days=90)
    assert facts(world, token)["data_access_expires_at"] == ninety_days_on.timestamp()


@pytest.mark.parametrize("number", [0, 1])
def test_a_withdrawn_permission_is_missing_from_then_on(world, number):
    account = world.account(number)
    scope = {0: "instagram_manage_insights", 1: "instagram_business_manage_insights"}[number]
    story = world.stories(account)[0]["id"]
    assert world.get(account, f"{story}/insights", metric="views").status_code == 200
    befall(world, account, scopes=[scope])
    assert world.error(world.get(account, f"{story}/insights", metric="views")) == (10, None)
    assert stories(world, account).status_code == 200
    if number == 0:
        assert scope not in facts(world, account["access_token"])["scopes"]
        rows = world.get(account, "me/permissions", permission=scope).json()["data"]
        assert rows == [{"permission": scope, "status": "declined"}]
    token = sign_in(world, account)
    assert world.get(account, f"{story}/insights", token, metric="views").status_code == 200


def test_forgetting_brings_the_first_tokens_back(world):
    account = world.account(0)
    befall(world, account, event="revoked")
    renewed = sign_in(world, account)
    world.control("DELETE", "grants")
    assert stories(world, account).status_code == 200
    assert world.error(stories(world, account, renewed)) == (190, None)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"ig_user_id": "1", "event": "revoked"},
        {"ig_user_id": 17841400000000001, "event": "revoked"},
        {"event": "revoked"},
        {"account": 0},
        {"account": 0, "event": "bored"},
        {"account": 0, "event": "revoked", "scopes": ["instagram_basic"]},
        {"account": 0, "event": "permissions_withdrawn"},
        {"account": 0, "scopes": "instagram_basic"},
    ],
)
def test_a_bad_end_is_refused(world, bad):
    if "account" in bad:
        bad = {**bad, "ig_user_id": world.account(bad["account"])["ig_user_id"]}
    reply = world.control("POST", "grants", bad)
    assert reply.status_code == 400
    assert "/_sandbox/grants" in reply.json()["error"]


def test_the_truth_knows_from_when_on_stories_were_not_served(world):
    account, at = world.account(1), now(world)
    befall(world, account, event="logged_out")
    befall(world, world.account(0), scopes=["instagram_basic"])
    world.advance(days=3)
    causes: dict[tuple[str, bool], set[str | None]] = {}
    for row in world.truth().values():
        late = datetime.fromisoformat(row["expires_at"]) - timedelta(minutes=10) > at
        causes.setdefault((row["ig_user_id"], late), set()).add(row["cause"])
    for number, cause in ((1, "token"), (0, "permission")):
        ig_user_id = world.account(number)["ig_user_id"]
        assert causes[ig_user_id, True] == {cause}
        assert causes[ig_user_id, False] <= {None, "withheld"}
