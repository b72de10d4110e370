from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest


def proof(world, account, secret=None) -> str:
    secret = secret or world.running.app[account["login_flavour"]].secret
    return hmac.new(secret.encode(), account["access_token"].encode(), hashlib.sha256).hexdigest()


def set_clock(world, at: str) -> None:
    assert world.control("POST", "clock", {"now": at}).status_code == 200


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def debug(world, token: str, caller: str | None = None):
    app = world.running.app["facebook"]
    params = {"input_token": token, "access_token": caller or f"{app.id}|{app.secret}"}
    return world.http.get(f"{world.running.facebook}/v26.0/debug_token", params=params, timeout=10)


@pytest.mark.parametrize("number", [0, 1])
def test_a_token_may_come_in_query_header_or_form(world, number):
    account = world.account(number)
    url = f"{getattr(world.running, account['login_flavour'])}/v26.0/{account['ig_user_id']}/stories"
    token = account["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert world.http.get(url, params={"access_token": token}, timeout=10).status_code == 200
    assert world.http.get(url, headers=bearer, timeout=10).status_code == 200
    assert world.error(world.http.get(url, timeout=10)) == (104, None)
    unversioned = url.replace("/v26.0", "")
    assert world.http.get(unversioned, headers=bearer, timeout=10).headers["facebook-api-version"] == "v26.0"
    older = world.http.get(url.replace("v26.0", "v24.0"), headers=bearer, timeout=10)
    assert older.headers["facebook-api-version"] == "v24.0"


@pytest.mark.parametrize("number", [0, 1])
def test_tokens_of_the_other_host_and_broken_ones_are_refused(world, number):
    account, other = world.account(number), world.account(1 - number)
    path = f"{account['ig_user_id']}/stories"
    for bad in (other["access_token"], account["access_token"][:-3] + "zzz", "nonsense"):
        reply = world.get(account, path, token=bad)
        assert world.error(reply) == (190, None)
        assert "invalid_token" in reply.headers["WWW-Authenticate"]


@pytest.mark.parametrize("number", [0, 1])
def test_a_proof_is_checked_if_given(world, number):
    account = world.account(number)
    path = f"{account['ig_user_id']}/stories"
    assert world.get(account, path, appsecret_proof=proof(world, account)).status_code == 200
    reply = world.get(account, path, appsecret_proof=proof(world, account, "wrong"))
    assert world.error(reply) == (100, None)
    assert "appsecret_proof" in reply.json()["error"]["message"]


def test_the_expired_token_works_up_to_its_end(world):
    account = world.account(3)
    assert unix(account["token_expires_at"]) == datetime(2026, 11, 12, tzinfo=UTC).timestamp()
    path = f"{account['ig_user_id']}/stories"
    set_clock(world, "2026-11-11T23:59:59Z")
    assert world.get(account, path).status_code == 200
    set_clock(world, "2026-11-12T00:00:00Z")
    assert world.error(world.get(account, path)) == (190, 463)
    assert world.error(world.get(account, "me")) == (190, 463)
    refresh = world.get(account, "refresh_access_token", grant_type="ig_refresh_token")
    assert world.error(refresh) == (190, 463)


def test_debug_token_describes_a_live_token(world):
    account, app = world.account(0), world.running.app["facebook"]
    data = debug(world, account["access_token"]).json()["data"]
    assert data["is_valid"] is True
    assert (data["type"], data["app_id"]) == ("USER", app.id)
    assert data["expires_at"] == unix(account["token_expires_at"])
    assert data["data_access_expires_at"] == unix(account["data_access_expires_at"])
    assert {"instagram_basic", "instagram_manage_insights"} <= set(data["scopes"])
    assert debug(world, account["access_token"], caller=account["access_token"]).status_code == 200
    page = debug(world, account["page_access_token"]).json()["data"]
    assert (page["type"], page["expires_at"], page["profile_id"]) == ("PAGE", 0, account["page_id"])


def test_debug_token_shows_what_is_wrong(world):
    assert "instagram_manage_insights" not in debug(world, world.account(6)["access_token"]).json()["data"]["scopes"]
    unknown = debug(world, "EAAnonsense")
    assert unknown.status_code == 200
    assert (unknown.json()["data"]["is_valid"], unknown.json()["data"]["error"]["code"]) == (False, 190)
    expiring = world.account(4)
    set_clock(world, expiring["token_expires_at"])
    dead = debug(world, expiring["access_token"])
    assert dead.status_code == 200
    assert dead.json()["data"]["is_valid"] is False
    assert dead.json()["data"]["error"]["subcode"] == 463
    assert world.error(debug(world, "EAAnonsense", caller="1|2")) == (190, None)


def exchange(world, token: str, secret: str | None = None):
    app = world.running.app["facebook"]
    params = {
        "grant_type": "fb_exchange_token",
        "client_id": app.id,
        "client_secret": secret or app.secret,
        "fb_exchange_token": token,
    }
    return world.http.get(f"{world.running.facebook}/v26.0/oauth/access_token", params=params, timeout=10)


def test_exchange_gives_a_new_token_and_leaves_the_old_one_and_data_access(world):
    account = world.account(2)
    body = exchange(world, account["access_token"]).json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 5_183_944)
    assert body["access_token"] != account["access_token"]
    old, new = (debug(world, token).json()["data"] for token in (account["access_token"], body["access_token"]))
    assert new["expires_at"] > old["expires_at"]
    assert new["data_access_expires_at"] == old["data_access_expires_at"]
    set_clock(world, account["token_expires_at"])
    assert debug(world, account["access_token"]).json()["data"]["is_valid"] is False
    assert debug(world, body["access_token"]).json()["data"]["is_valid"] is True
    assert world.error(exchange(world, account["access_token"])) == (190, 463)


def test_exchange_wants_the_right_app(world):
    assert world.error(exchange(world, world.account(2)["access_token"], secret="wrong")) == (101, None)
    assert world.error(exchange(world, "EAAnonsense")) == (190, None)


@pytest.mark.parametrize("prefix", ["", "v26.0/"])
def test_refresh_needs_a_token_that_is_a_day_old(world, prefix):
    account = world.account(5)
    url = f"{world.running.instagram}/{prefix}refresh_access_token"

    def refresh(token: str):
        params = {"grant_type": "ig_refresh_token", "access_token": token}
        return world.http.get(url, params=params, timeout=10)

    body = refresh(account["access_token"]).json()
    assert body["expires_in"] == 5_183_944
    assert body["access_token"] not in (account["access_token"], None)
    assert world.get(account, "me", token=body["access_token"]).status_code == 200
    assert world.error(refresh(body["access_token"])) == (100, None)
    world.advance(hours=24)
    assert refresh(body["access_token"]).status_code == 200


def test_data_access_ends_before_the_token_does(world):
    account = world.account(4)
    set_clock(world, "2026-11-16T12:00:00Z")
    token = exchange(world, account["access_token"]).json()["access_token"]
    set_clock(world, account["data_access_expires_at"])
    path = f"{account['ig_user_id']}/stories"
    assert world.error(world.get(account, path, token=token)) == (10, None)
    assert world.get(account, "me", token=token).status_code == 200
    rows = {row["permission"]: row["status"] for row in world.get(account, "me/permissions", token).json()["data"]}
    assert rows["instagram_basic"] == "expired"
    assert rows["pages_show_list"] == "granted"


def test_permissions(world):
    rows = {row["permission"]: row["status"] for row in world.get(world.account(6), "me/permissions").json()["data"]}
    assert rows["instagram_basic"] == "granted"
    assert rows["instagram_manage_insights"] == "declined"


def test_profiles_and_me(world):
    facebook, instagram = world.account(0), world.account(1)
    node = world.get(facebook, facebook["ig_user_id"], fields="id,username,followers_count,ig_id").json()
    assert (node["id"], node["username"]) == (facebook["ig_user_id"], facebook["username"])
    assert isinstance(node["ig_id"], int)
    assert node["followers_count"] > 0
    assert world.get(facebook, "me").json().keys() == {"id", "name"}
    me = world.get(instagram, "me", fields="id,user_id,username,account_type").json()
    assert (me["user_id"], me["username"]) == (instagram["ig_user_id"], instagram["username"])
    assert me["id"] != me["user_id"]
    ours = world.get(instagram, f"{me['user_id']}/stories").json()["data"]
    assert world.get(instagram, f"{me['id']}/stories").json()["data"] == ours
    assert world.get(instagram, "me/stories").json()["data"] == ours


def test_unknown_routes(world):
    facebook, instagram = world.account(0), world.account(1)
    for account in (facebook, instagram):
        reply = world.get(account, "no/such/thing")
        assert (reply.status_code, world.error(reply)) == (404, (2500, None))
    assert world.error(world.get(instagram, "no/such/thing", token="bad")) == (190, None)
    assert world.error(world.get(instagram, "me/permissions")) == (2500, None)


def test_accounts_file(world):
    columns = (
        "login_flavour,ig_user_id,username,access_token,token_expires_at,data_access_expires_at,page_id,"
        "page_access_token,creator"
    )
    assert list(world.accounts[0]) == columns.split(",")
    assert len(world.accounts) == 14
    assert [number for number, account in enumerate(world.accounts) if not account["access_token"]] == [9]
    prefixes = {"facebook": "EAA", "instagram": "IGAA"}
    for account in world.accounts:
        if account["access_token"]:
            assert account["access_token"].startswith(prefixes[account["login_flavour"]])
            assert bool(account["page_access_token"]) == (account["login_flavour"] == "facebook")
