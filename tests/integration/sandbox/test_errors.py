"""What every error and every answer has in common: the genuine words of a fault, versions, headers, `me`."""

from __future__ import annotations

import json

import pytest

from storykeep.sandbox import switches

NOWHERE = "18000000000000000"


def shape(reply) -> dict[str, object]:
    """An error reply without what differs from call to call."""
    error = {name: value for name, value in reply.json()["error"].items() if name != "fbtrace_id"}
    return {**error, "status": reply.status_code}


def struck(world, account, kind, path="stories", **fault):
    """The reply to a call that a fault strikes."""
    assert world.control("POST", "faults", [{"kind": kind, **fault}]).status_code == 200
    reply = world.get(account, f"{account['ig_user_id']}/{path}")
    world.control("DELETE", "faults")
    return reply


def unpermitted(world):
    account = world.account(6)
    return account, world.get(account, f"{world.stories(account)[0]['id']}/insights", metric="reach")


def bad_token(world, number=0):
    account = world.account(number)
    return account, world.get(account, f"{account['ig_user_id']}/stories", token="nonsense")


def not_shared(world):
    account = world.account(1)
    return account, world.get(account, f"{world.stories(account)[0]['id']}/insights", metric="facebook_views")


def revoked(world):
    account = world.account(0)
    world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "event": "revoked"})
    reply = world.get(account, f"{account['ig_user_id']}/stories")
    world.control("DELETE", "grants")
    return account, reply


@pytest.mark.parametrize(
    ("kind", "genuine"),
    [
        ("error_10", unpermitted),
        ("error_190", bad_token),
        ("error_190", lambda world: bad_token(world, 1)),
        ("error_190_458", revoked),
        ("error_100_2207086", not_shared),
    ],
)
def test_an_error_as_a_fault_is_what_the_api_answers_by_itself(world, kind, genuine):
    account, reply = genuine(world)
    assert reply.status_code >= 400
    assert shape(struck(world, account, kind)) == shape(reply)


@pytest.mark.parametrize("number", [0, 1])
def test_a_missing_object_as_a_fault_names_the_object_of_the_call(world, number):
    account = world.account(number)
    genuine = world.get(account, f"{NOWHERE}/stories")
    assert world.error(genuine) == (100, 33)
    fault = json.loads(json.dumps(shape(struck(world, account, "error_100_33"))))
    assert fault == json.loads(json.dumps(shape(genuine)).replace(NOWHERE, account["ig_user_id"]))


@pytest.mark.parametrize(
    ("kind", "status", "transient", "words"),
    [
        ("error_1", 500, True, "An unknown error has occurred."),
        ("error_1_99", 500, True, "Please reduce the amount of data"),
        ("error_2", 500, True, "An unexpected error has occurred. Please retry"),
        ("error_4", 403, True, "(#4) Application request limit reached"),
        ("error_613", 400, None, "(#613) Calls to this api have exceeded the rate limit."),
        ("error_803", 404, None, "(#803) Some of the aliases"),
        ("error_2500", 404, None, "Unknown path components"),
        ("error_80002", 400, None, "(#80002) There have been too many calls to this Instagram account."),
        ("error_190_463", 400, None, "Error validating access token: Session has expired on Thursday, 05-Nov-26"),
    ],
)
def test_errors_that_are_hard_to_provoke_have_their_status_and_words(world, kind, status, transient, words):
    error = shape(struck(world, world.account(0), kind))
    assert (error["status"], error.get("is_transient")) == (status, transient)
    assert error["message"].startswith(words)


def test_media_from_before_the_conversion_is_refused_in_full_as_a_fault_too(world):
    error = shape(struck(world, world.account(0), "error_100_2108006"))
    assert error["error_data"] == {"blame_field_specs": [[""]]}
    assert error["is_transient"] is False
    assert error.keys() >= {"error_user_title", "error_user_msg"}


def test_where_a_missing_object_is_told(world, monkeypatch):
    account = world.account(0)
    told = shape(world.get(account, NOWHERE))
    monkeypatch.setattr(switches, "NO_SUCH_OBJECT_WORDS", "error_user_msg")
    other = shape(world.get(account, NOWHERE))
    assert other == {**told, "message": "Invalid parameter", "error_user_msg": told["message"]}


@pytest.mark.parametrize(("kind", "minutes"), [("throttle", 12), ("throttle", 0), ("error_80002", 3)])
@pytest.mark.parametrize("number", [0, 1])
def test_a_call_over_the_accounts_limit_is_told_of_a_full_pool(world, kind, minutes, number):
    account = world.account(number)
    reply = struck(world, account, kind, minutes=minutes)
    assert world.error(reply) == (80002, None)
    told = json.loads(reply.headers["X-Business-Use-Case-Usage"])
    assert account["ig_user_id"] in told
    for (pool,) in told.values():
        assert (pool["call_count"], pool["estimated_time_to_regain_access"]) == (100, minutes)


@pytest.mark.parametrize("kind", ["app_throttle", "error_4"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_call_over_the_apps_limit_is_told_on_both_hosts(world, kind, number):
    account = world.account(number)
    reply = struck(world, account, kind)
    assert world.error(reply) == (4, None)
    assert json.loads(reply.headers["X-App-Usage"])["call_count"] == 100
    (pool,) = json.loads(reply.headers["X-Business-Use-Case-Usage"])[account["ig_user_id"]]
    assert pool["call_count"] < 100


@pytest.mark.parametrize(("number", "kind"), [(0, "OAuthException"), (1, "IGApiException")])
def test_me_without_a_token(world, number, kind):
    error = shape(world.get(world.account(number), "me", token=""))
    assert (error["status"], error["code"], error["type"]) == (400, 2500, kind)
    assert "active access token" in error["message"]


def test_ones_own_user_id_is_me(world):
    account, other = world.account(0), world.account(2)
    user_id = world.get(account, "me").json()["id"]
    for edge, fields in (("", "id,name"), ("/accounts", "id,name"), ("/permissions", None)):
        named, me = (world.get(account, f"{name}{edge}", fields=fields) for name in (user_id, "me"))
        assert named.status_code == 200
        assert named.json() == me.json()
    assert world.error(world.get(other, user_id)) == (100, 33)
    assert world.error(world.get(account, user_id, account["page_access_token"])) == (100, 33)


@pytest.mark.parametrize(
    ("asked", "served", "at"),
    [
        ("v26.0", "v26.0", "2026-11-05T20:00:00Z"),
        ("v21.0", "v21.0", "2026-11-05T20:00:00Z"),
        ("v20.0", "v21.0", "2026-11-05T20:00:00Z"),
        ("v2.12", "v21.0", "2026-11-05T20:00:00Z"),
        ("v21.0", "v22.0", "2027-02-01T00:00:00Z"),
    ],
)
def test_a_retired_version_is_served_by_the_oldest_live_one(world, asked, served, at):
    world.control("POST", "clock", {"now": at})
    account = world.account(0)
    token = {"access_token": account["access_token"]}
    reply = world.http.get(f"{world.running.facebook}/{asked}/me", params=token, timeout=10)
    assert reply.headers["facebook-api-version"] == served


@pytest.mark.parametrize("asked", ["v27.0", "v26.1", "v" + "9" * 5000 + ".0"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_version_that_is_not_there_yet_is_an_unknown_path(world, asked, number):
    account = world.account(number)
    base, token = getattr(world.running, account["login_flavour"]), {"access_token": account["access_token"]}
    reply = world.http.get(f"{base}/{asked}/me", params=token, timeout=10)
    assert (reply.status_code, world.error(reply)) == (404, (2500, None))
    assert reply.headers["facebook-api-version"] == "v26.0"


def test_good_answers_carry_an_etag_of_their_body(world):
    account = world.account(0)
    first, again, other = (world.get(account, path) for path in ("me", "me", "me/permissions"))
    assert first.headers["Vary"] == "Accept-Encoding"
    assert first.headers["ETag"] == again.headers["ETag"] != other.headers["ETag"]
    assert "ETag" not in world.get(account, NOWHERE).headers


def test_the_status_of_refreshing_too_early(world, monkeypatch):
    account = world.account(1)
    token = world.get(account, "refresh_access_token", grant_type="ig_refresh_token").json()["access_token"]
    for status in (400, 403):
        monkeypatch.setattr(switches, "REFRESH_TOO_EARLY_STATUS", status)
        assert world.get(account, "refresh_access_token", token, grant_type="ig_refresh_token").status_code == status
