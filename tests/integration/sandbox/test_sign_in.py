"""The sign-in dialogs, the codes they send apps away with, and what the codes are exchanged for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from storykeep.sandbox.tokens import TokenBook
from storykeep.sandbox.world.accounts import World
from storykeep.sandbox.world.sign_ins import Asked, SignIns

BACK = "https://app.example/back"
SHAPE = re.compile(r"(EAA|IGAA)sbx[up][0-9a-f]{46}")
SCOPES = {
    "facebook": "instagram_basic,instagram_manage_insights,pages_show_list",
    "instagram": "instagram_business_basic,instagram_business_manage_insights",
}
HOSTS = ["facebook", "instagram"]


def dialog(world, host, **asked):
    params = {"client_id": world.running.app[host].id, "redirect_uri": BACK, "scope": SCOPES[host], "state": "s 1"}
    params |= {"response_type": "code", **asked}
    path = {"facebook": "v26.0/dialog/oauth", "instagram": "oauth/authorize"}[host]
    url = f"{getattr(world.running, host)}/{path}"
    return world.http.get(url, params=params, allow_redirects=False, timeout=10)


def code_of(reply) -> str:
    assert reply.status_code == 302, reply.text
    return parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]


def redeem(world, host, code, **changed):
    """The reply to an exchange of a code; a changed parameter that is None is left out."""
    app, base = world.running.app[host], getattr(world.running, host)
    form: dict[str, Any] = {"client_id": app.id, "client_secret": app.secret, "redirect_uri": BACK, "code": code}
    form = {name: value for name, value in {**form, **changed}.items() if value is not None}
    if host == "facebook":
        return world.http.get(f"{base}/v26.0/oauth/access_token", params=form, timeout=10)
    form = {"grant_type": "authorization_code", **form}
    return world.http.post(f"{base}/oauth/access_token", data=form, timeout=10)


def signed_in(world, host, **asked) -> str:
    return redeem(world, host, code_of(dialog(world, host, **asked))).json()["access_token"]


def comes(world, account, **answer):
    ig_user_id = {"ig_user_id": account["ig_user_id"]}
    assert world.control("POST", "dialog", {**ig_user_id, **answer}).status_code == 200


def debug(world, token):
    app = world.running.app["facebook"]
    params = {"input_token": token, "access_token": app.token}
    return world.http.get(f"{world.running.facebook}/v26.0/debug_token", params=params, timeout=10).json()["data"]


def lengthen(world, token):
    """The reply to an exchange of a short-lived facebook token for a long-lived one."""
    app = world.running.app["facebook"]
    form = {"grant_type": "fb_exchange_token", "client_id": app.id, "client_secret": app.secret}
    form["fb_exchange_token"] = token
    return world.http.get(f"{world.running.facebook}/v26.0/oauth/access_token", params=form, timeout=10)


def lengthen_instagram(world, token, **changed):
    form = {"grant_type": "ig_exchange_token", "client_secret": world.running.app["instagram"].secret}
    params = {**form, "access_token": token, **changed}
    return world.http.get(f"{world.running.instagram}/access_token", params=params, timeout=10)


def now(world) -> datetime:
    return datetime.fromisoformat(world.control("GET", "clock").json()["now"])


@pytest.mark.parametrize(("host", "fragment"), [("facebook", ""), ("instagram", "_")])
def test_the_dialog_sends_the_browser_back_with_code_and_state(world, host, fragment):
    back = urlsplit(dialog(world, host).headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    answer = dict(parse_qsl(back.query))
    assert answer.keys() == {"code", "state"}
    assert (answer["state"], back.fragment) == ("s 1", fragment)


def test_an_address_keeps_its_own_query(world):
    location = dialog(world, "facebook", redirect_uri=f"{BACK}?brand=1", state=None).headers["Location"]
    assert location.startswith(f"{BACK}?brand=1&code=")
    assert "state" not in location


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "facebook",
            "error=access_denied&error_code=200&error_description=Permissions+error&error_reason=user_denied&state=s+1",
        ),
        (
            "instagram",
            "error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request.&state=s+1",
        ),
    ],
)
def test_who_refuses_is_sent_back_without_a_code(world, host, expected):
    world.control("POST", "dialog", {"refuse": True})
    assert dialog(world, host).headers["Location"] == f"{BACK}?{expected}"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"client_id": "1"}, "Invalid App ID"),
        ({"client_id": None}, "Invalid App ID"),
        ({"redirect_uri": None}, "Invalid redirect_uri"),
        ({"redirect_uri": "app.example/back"}, "Invalid redirect_uri"),
        ({"redirect_uri": "javascript://app.example/"}, "Invalid redirect_uri"),
        ({"response_type": "token"}, "Invalid response_type"),
        ({"scope": None}, "Invalid Scopes"),
        ({"scope": "instagram_basic,<b>"}, "&lt;b&gt;"),
    ],
)
def test_an_app_that_asks_wrongly_gets_a_page_and_no_redirect(world, host, asked, words):
    reply = dialog(world, host, **asked)
    assert (reply.status_code, reply.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert words in reply.text
    assert "Location" not in reply.headers


def test_a_configuration_may_stand_for_the_scopes(world):
    token = signed_in(world, "facebook", scope=None, config_id="123")
    assert {"business_management", "pages_manage_metadata"} <= set(debug(world, token)["scopes"])
    assert dialog(world, "instagram", scope=None, config_id="123").status_code == 400


def test_the_first_who_never_consented_comes_unless_someone_is_named(world):
    never = world.account(9)
    assert never["access_token"] == ""
    token = signed_in(world, "instagram")
    assert world.get(never, "me", token, fields="user_id").json()["user_id"] == never["ig_user_id"]
    token = signed_in(world, "instagram")
    assert world.get(never, "me", token, fields="user_id").json()["user_id"] == world.account(1)["ig_user_id"]
    token = signed_in(world, "facebook")
    assert debug(world, token)["granular_scopes"][0]["target_ids"] == [world.account(0)["ig_user_id"]]
    for number, host in ((8, "facebook"), (7, "instagram")):
        comes(world, world.account(number))
        ig_user_id = world.account(number)["ig_user_id"]
        assert world.get(world.account(number), ig_user_id, signed_in(world, host)).status_code == 200
    world.control("DELETE", "dialog")
    token = signed_in(world, "instagram")
    assert world.get(never, "me", token, fields="user_id").json()["user_id"] == world.account(1)["ig_user_id"]


@pytest.mark.parametrize(("host", "number", "life"), [("facebook", 0, 5100), ("instagram", 1, 3600)])
def test_a_code_is_worth_a_short_lived_token(world, host, number, life):
    account = world.account(number)
    comes(world, account)
    token = signed_in(world, host)
    assert SHAPE.fullmatch(token)
    assert token != account["access_token"]
    path = f"{account['ig_user_id']}/stories"
    assert world.get(account, path, token).json() == world.get(account, path).json()
    world.advance(hours=(life - 1) / 3600)
    assert world.get(account, path, token).status_code == 200
    world.advance(hours=1 / 3600)
    assert world.error(world.get(account, path, token)) == (190, 463)


def test_the_facebook_answer(world):
    body = redeem(world, "facebook", code_of(dialog(world, "facebook"))).json()
    assert (body.keys(), body["expires_in"]) == ({"access_token", "token_type", "expires_in"}, 5100)


def test_the_instagram_answer_is_flat_with_a_numeric_id_or_wrapped_with_texts(world):
    never = world.account(9)
    comes(world, never)
    body = redeem(world, "instagram", code_of(dialog(world, "instagram"))).json()
    assert body.keys() == {"access_token", "user_id", "permissions"}
    assert body["user_id"] == int(never["ig_user_id"])
    assert body["permissions"] == SCOPES["instagram"].split(",")
    world.control("POST", "switches", {"CODE_ANSWER": "wrapped"})
    [row] = redeem(world, "instagram", code_of(dialog(world, "instagram"))).json()["data"]
    assert (row["user_id"], row["permissions"]) == (never["ig_user_id"], SCOPES["instagram"])
    assert SHAPE.fullmatch(row["access_token"])


def test_an_instagram_code_may_come_as_a_form_in_parts(world):
    app = world.running.app["instagram"]
    form = {"client_id": app.id, "client_secret": app.secret, "grant_type": "authorization_code"}
    form |= {"redirect_uri": BACK, "code": code_of(dialog(world, "instagram"))}
    parts = {name: (None, value) for name, value in form.items()}
    assert world.http.post(f"{world.running.instagram}/oauth/access_token", files=parts, timeout=10).status_code == 200


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("minutes", "changed", "times", "subcode"),
    [
        (0, {}, 2, 36009),
        (60, {}, 1, 36007),
        (0, {"redirect_uri": f"{BACK}/"}, 1, 36008),
        (0, {"code": "AQinvented"}, 1, None),
    ],
)
def test_a_code_is_taken_once_in_time_and_from_the_same_address(world, host, minutes, changed, times, subcode):
    code = code_of(dialog(world, host))
    world.advance(minutes=minutes)
    for _ in range(times):
        reply = redeem(world, host, **{"code": code, **changed})
    assert reply.status_code == 400
    if host == "facebook":
        assert world.error(reply) == (100, subcode)
    else:
        body = reply.json()
        assert body.keys() == {"error_type", "code", "error_message"}
        assert (body["error_type"], body["code"]) == ("OAuthException", 400)


@pytest.mark.parametrize(("host", "minutes"), [("facebook", 9), ("instagram", 59)])
def test_a_code_waits_for_a_while(world, host, minutes):
    code = code_of(dialog(world, host))
    world.advance(minutes=minutes)
    assert redeem(world, host, code).status_code == 200


@pytest.mark.parametrize("host", HOSTS)
def test_a_code_belongs_to_its_app(world, host):
    other = HOSTS[1 - HOSTS.index(host)]
    for changed in ({"client_id": world.running.app[other].id}, {"client_secret": "wrong"}):
        assert redeem(world, host, code_of(dialog(world, host)), **changed).status_code == 400
    assert redeem(world, host, code_of(dialog(world, other))).status_code == 400
    assert redeem(world, host, code_of(dialog(world, host))).status_code == 200


def test_an_instagram_code_needs_its_grant_type(world):
    assert redeem(world, "instagram", code_of(dialog(world, "instagram")), grant_type="code").status_code == 400


def test_what_is_declined_is_missing_and_asked_for_again_only_with_rerequest(world):
    account, scope = world.account(0), "instagram_manage_insights"
    world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "event": "revoked"})
    comes(world, account, declined=[scope, "ads_read"])
    token = signed_in(world, "facebook")
    assert debug(world, token)["scopes"] == ["instagram_basic", "pages_show_list"]
    rows = {row["permission"]: row["status"] for row in world.get(account, "me/permissions", token).json()["data"]}
    assert rows == {"instagram_basic": "granted", "pages_show_list": "granted", scope: "declined"}
    comes(world, account)
    assert scope not in debug(world, signed_in(world, "facebook"))["scopes"]
    assert scope in debug(world, signed_in(world, "facebook", auth_type="rerequest"))["scopes"]


def test_what_was_granted_before_stays_granted_on_facebook(world):
    account = world.account(0)
    comes(world, account)
    assert "business_management" in debug(world, signed_in(world, "facebook", scope="instagram_basic"))["scopes"]
    world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "event": "revoked"})
    assert debug(world, signed_in(world, "facebook", scope="instagram_basic"))["scopes"] == ["instagram_basic"]


def test_instagram_asks_for_everything_each_time(world):
    account = world.account(1)
    comes(world, account, declined=["instagram_business_manage_insights"])
    story = world.stories(account)[0]["id"]
    token = signed_in(world, "instagram")
    assert world.error(world.get(account, f"{story}/insights", token, metric="views")) == (10, None)
    comes(world, account)
    assert world.get(account, f"{story}/insights", signed_in(world, "instagram"), metric="views").status_code == 200
    less = redeem(world, "instagram", code_of(dialog(world, "instagram", scope="instagram_business_basic"))).json()
    assert less["permissions"] == ["instagram_business_basic"]


def test_data_access_runs_90_days_from_a_first_consent_and_anew_from_a_reauthorization_only(world):
    account = world.account(0)
    comes(world, account)

    def ends(token) -> float:
        return debug(world, token)["data_access_expires_at"]

    before = datetime.fromisoformat(account["data_access_expires_at"]).timestamp()
    assert ends(signed_in(world, "facebook")) == before
    assert ends(signed_in(world, "facebook", auth_type="rerequest")) == before
    world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "event": "revoked"})
    first = (now(world) + timedelta(days=90)).timestamp()
    token = signed_in(world, "facebook")
    assert ends(token) == first
    long = lengthen(world, token).json()["access_token"]
    world.advance(days=30)
    assert ends(lengthen(world, long).json()["access_token"]) == first
    assert ends(signed_in(world, "facebook", auth_type="reauthorize")) == first + 30 * 86400


def test_a_short_lived_facebook_token_is_exchanged_while_it_lives(world):
    token = signed_in(world, "facebook")
    body = lengthen(world, token).json()
    assert body["expires_in"] == 5_183_944
    assert SHAPE.fullmatch(body["access_token"])
    world.advance(hours=2)
    assert world.error(lengthen(world, token)) == (190, 463)
    assert debug(world, body["access_token"])["is_valid"] is True


def test_a_short_lived_instagram_token_is_exchanged_while_it_lives(world):
    account = world.account(1)
    comes(world, account)
    token = signed_in(world, "instagram")
    body = lengthen_instagram(world, token).json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 5_183_944)
    assert world.error(lengthen_instagram(world, token, client_secret="wrong")) == (101, None)
    assert world.error(lengthen_instagram(world, token, grant_type="other")) == (100, None)
    assert world.error(lengthen_instagram(world, body["access_token"])) == (452, None)
    world.advance(hours=2)
    assert world.error(lengthen_instagram(world, token)) == (190, 463)
    assert world.get(account, "me", body["access_token"]).status_code == 200
    assert world.error(world.get(account, "refresh_access_token", token, grant_type="ig_refresh_token")) == (190, 463)


def test_a_refresh_wants_the_permission_to_read(world):
    account = world.account(1)
    scope = "instagram_business_basic"
    assert world.get(account, "refresh_access_token", grant_type="ig_refresh_token").status_code == 200
    world.control("POST", "grants", {"ig_user_id": account["ig_user_id"], "scopes": [scope]})
    assert world.error(world.get(account, "refresh_access_token", grant_type="ig_refresh_token")) == (10, None)


@pytest.mark.parametrize(
    "bad", [{"ig_user_id": "1"}, {"ig_user_id": 5}, {"refuse": "yes"}, {"declined": "all"}, {"who": "me"}, []]
)
def test_a_bad_answer_at_the_dialog_is_refused(world, bad):
    before = world.control("GET", "dialog").json()
    assert world.control("POST", "dialog", bad).status_code == 400
    assert world.control("GET", "dialog").json() == before


def test_who_never_came_is_found_without_making_the_whole_world():
    world = World(accounts=100_000, seed=5, start=datetime(2026, 11, 1, tzinfo=UTC))
    sign_ins = SignIns(world, TokenBook(world))
    assert sign_ins.come("instagram", Asked(("instagram_business_basic",)), BACK, world.start) is not None
    assert world.account.cache_info().currsize < 100
