"""What nobody knows for certain can be set while the sandbox runs; each switch of sign-in and tokens both ways."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

import pytest

from storykeep.sandbox import switches


def switch(world, **values):
    reply = world.control("POST", "switches", values)
    assert reply.status_code == 200, reply.text
    return reply.json()


def proof(world, account):
    secret, token = world.running.app[account["login_flavour"]].secret, account["access_token"]
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def stories(world, account, **params):
    return world.get(account, f"{account['ig_user_id']}/stories", **params)


def test_switches_are_told_set_and_reset(world):
    likeliest = world.control("GET", "switches").json()
    assert switch(world, **likeliest) == likeliest, "what is told can be sent back"
    assert likeliest["MIN_VIEWERS"] == 5
    assert likeliest["LINK_LIFE"] == 86400
    assert likeliest["EXPIRED_STORY"] == "missing"
    assert likeliest.keys() == {name for name in vars(switches) if name.isupper()}
    changed = {"MIN_VIEWERS": 7, "LINK_LIFE": 36000, "EXPIRED_STORY": "readable", "PROOF_REQUIRED": True}
    assert switch(world, **changed) == {**likeliest, **changed}
    assert switches.LINK_LIFE.total_seconds() == 36000
    assert world.control("DELETE", "switches").json() == likeliest


@pytest.mark.parametrize(
    "bad",
    [
        {"NO_SUCH": 1},
        {"annotations": 1},
        {"MIN_VIEWERS": "5"},
        {"MIN_VIEWERS": True},
        {"MIN_VIEWERS": -1},
        {"MIN_VIEWERS": 1.5},
        {"LINK_LIFE": "a day"},
        {"LINK_LIFE": 10**20},
        {"PROOF_REQUIRED": 1},
        {"EXPIRED_STORY": "gone"},
        {"BAD_TOKEN_STATUS": 404},
        {"NO_PERMISSION_STATUS": 7},
        {"NOT_ENOUGH_VIEWERS_STATUS": 999},
        {"MIXED_BREAKDOWN_STATUS": 200},
        {"MAX_PAGE": 0},
        {"LINK_LIFE": 10**13},
        {"MIN_VIEWERS": 7, "EXPIRED_STORY": ["missing"]},
        [],
    ],
)
def test_a_switch_is_not_set_to_what_it_cannot_be_and_no_other_with_it(world, bad):
    before = world.control("GET", "switches").json()
    reply = world.control("POST", "switches", bad)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert world.control("GET", "switches").json() == before


def test_refreshing_too_early(world):
    account = world.account(1)
    token = world.get(account, "refresh_access_token", grant_type="ig_refresh_token").json()["access_token"]

    def again():
        return world.error(world.get(account, "refresh_access_token", token, grant_type="ig_refresh_token"))

    assert again() == (100, None)
    switch(world, REFRESH_TOO_EARLY_CODE=10)
    assert again() == (10, None)


def test_the_answer_after_the_end_of_data_access(world):
    account = world.account(0)
    body = {"ig_user_id": account["ig_user_id"], "event": "data_access_ended"}
    assert world.control("POST", "grants", body).status_code == 200
    assert world.error(stories(world, account)) == (10, None)
    switch(world, AFTER_DATA_ACCESS="token")
    assert world.error(stories(world, account)) == (190, None)
    assert world.get(account, "me").status_code == 200
    never_granted = world.account(6)
    story = world.stories(never_granted)[0]["id"]
    assert world.error(world.get(never_granted, f"{story}/insights", metric="views")) == (10, None)


@pytest.mark.parametrize("number", [0, 1])
def test_the_status_of_a_bad_token(world, number):
    account, expired = world.account(number), world.account(3)
    for status in (400, 401):
        switch(world, BAD_TOKEN_STATUS=status)
        assert stories(world, account, token="bad").status_code == status
    world.control("POST", "clock", {"now": expired["token_expires_at"]})
    assert stories(world, expired).status_code == 401
    world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "event": "revoked"})
    assert (stories(world, account).status_code, world.error(stories(world, account))) == (401, (190, 458))


def test_the_app_may_require_a_proof_on_facebook(world):
    account = world.account(0)
    assert stories(world, account).status_code == 200
    switch(world, PROOF_REQUIRED=True)
    reply = stories(world, account)
    assert (reply.status_code, world.error(reply)) == (400, (100, None))
    assert "require an appsecret_proof" in reply.json()["error"]["message"]
    assert stories(world, account, appsecret_proof=proof(world, account)).status_code == 200
    path = f"{account['ig_user_id']}/stories?access_token={account['access_token']}"
    items = world.batch([path, f"{path}&appsecret_proof={proof(world, account)}"]).json()
    assert [item["code"] for item in items] == [400, 200]
    app = world.running.app["facebook"]
    params = {"input_token": account["access_token"]}
    assert world.get(account, "debug_token", token=app.token, **params).status_code == 200
    exchange = {"grant_type": "fb_exchange_token", "client_id": app.id, "client_secret": app.secret}
    exchange["fb_exchange_token"] = account["access_token"]
    assert world.get(account, "oauth/access_token", **exchange).status_code == 200
    assert stories(world, world.account(1)).status_code == 200


def test_whether_instagram_looks_at_a_proof(world):
    account = world.account(1)
    assert world.error(stories(world, account, appsecret_proof="wrong")) == (100, None)
    switch(world, PROOF_ON_INSTAGRAM=False)
    assert stories(world, account, appsecret_proof="wrong").status_code == 200
    assert world.error(stories(world, world.account(0), appsecret_proof="wrong")) == (100, None)


def test_whether_instagram_has_debug_token(world):
    account, app = world.account(1), world.running.app["instagram"]
    params = {"input_token": account["access_token"]}
    assert world.error(world.get(account, "debug_token", **params)) == (2500, None)
    assert world.error(world.get(account, "debug_token", token="bad", **params)) == (190, None)
    switch(world, DEBUG_TOKEN_ON_INSTAGRAM=True)
    for caller in (None, app.token):
        data = world.get(account, "debug_token", caller, **params).json()["data"]
        assert (data["is_valid"], data["app_id"]) == (True, app.id)
        assert data["expires_at"] == datetime.fromisoformat(account["token_expires_at"]).timestamp()
    foreign = world.get(account, "debug_token", input_token=world.account(0)["access_token"]).json()["data"]
    assert foreign["is_valid"] is False


def test_whether_instagram_has_the_batch_api(world):
    account = world.account(1)
    form = {"access_token": account["access_token"], "batch": '[{"method":"GET","relative_url":"me"}]'}

    def batch():
        return world.http.post(f"{world.running.instagram}/v26.0/", data=form, timeout=10)

    assert world.error(batch()) == (100, None)
    switch(world, BATCH_ON_INSTAGRAM=True)
    assert [item["code"] for item in batch().json()] == [200]


def test_whether_answers_say_how_long_a_new_token_lives(world):
    account = world.account(1)
    assert "expires_in" in world.get(account, "refresh_access_token", grant_type="ig_refresh_token").json()
    switch(world, EXPIRES_IN_GIVEN=False)
    body = world.get(account, "refresh_access_token", grant_type="ig_refresh_token").json()
    assert body.keys() == {"access_token", "token_type", "permissions"}


def test_whether_an_account_is_subscribed_on_facebook(world):
    account = world.account(0)
    url = f"{world.running.facebook}/v26.0/{account['ig_user_id']}/subscribed_apps"
    params = {"access_token": account["access_token"], "subscribed_fields": "story_insights"}
    assert world.http.post(url, params=params, timeout=10).json() == {"success": True}
    switch(world, ACCOUNT_SUBSCRIPTIONS=False)
    for method in ("GET", "POST", "DELETE"):
        assert world.error(world.http.request(method, url, params=params, timeout=10)) == (2500, None)


def test_whether_a_page_token_reads_the_account(world):
    account = world.account(0)
    token = account["page_access_token"]
    assert stories(world, account, token=token).status_code == 200
    switch(world, PAGE_TOKEN_READS=False)
    assert world.error(stories(world, account, token=token)) == (100, 33)
    assert world.get(account, "me", token).json()["id"] == account["page_id"]
