"""Whatever is sent, the sandbox answers it in order and goes on."""

from __future__ import annotations

import json
import time

import pytest
import requests

DEEP = "[" * 50_000
HALF = "\ud800"


@pytest.fixture(autouse=True)
def no_failure(caplog):
    yield
    assert not [record.getMessage() for record in caplog.records if record.exc_info]


def post(world, path, body, content_type="application/json"):
    url = f"{world.running.facebook}/{path}"
    return world.http.post(url, data=body, headers={"Content-Type": content_type}, timeout=10)


def test_a_new_line_in_an_error_message_does_not_reach_its_header(world):
    account = world.account(0)
    reply = world.get(account, account["ig_user_id"], fields="id,\r\n\n?x\x00")
    assert (reply.status_code, world.error(reply)) == (400, (100, None))
    assert reply.headers["WWW-Authenticate"].isprintable()
    assert world.get(account, "no\r\nSuch: thing").status_code == 404


@pytest.mark.parametrize("address", ["http://[", "https://app.example/\r\nX: y", "https://app.example/\x00", "/back"])
def test_a_dialog_with_an_address_that_is_none_is_a_page_with_400(world, address):
    params = {"client_id": world.running.app["facebook"].id, "redirect_uri": address, "scope": "email"}
    reply = world.http.get(f"{world.running.facebook}/v26.0/dialog/oauth", params=params, timeout=10)
    assert reply.status_code == 400
    assert "Invalid redirect_uri" in reply.text


def test_json_that_is_nested_too_deeply_is_as_good_as_none(world):
    account = world.account(0)
    assert world.error(world.get(account, account["ig_user_id"], fields='["a",' + DEEP[:5000])) == (100, None)
    assert world.error(world.batch([], batch=DEEP)) == (100, None)
    assert world.error(post(world, f"v26.0/{account['ig_user_id']}/subscribed_apps", DEEP)) == (104, None)
    assert post(world, "_sandbox/faults", DEEP).status_code == 400


def test_halves_of_characters_do_no_harm(world):
    account = world.account(0)
    token = account["access_token"]
    path = f"v26.0/{account['ig_user_id']}/stories?limit=1&access_token={token}"
    items = [f"{path}&x={HALF}&{HALF}=1", f"v26.0/{HALF}?access_token={token}", f"{path}{HALF}"]
    assert [item["code"] for item in world.batch(items).json()] == [200, 404, 400]
    body = json.dumps({"access_token": token, "appsecret_proof": HALF})
    assert world.error(post(world, f"v26.0/{account['ig_user_id']}/subscribed_apps", body)) == (100, None)


def test_more_than_200_fields_are_refused_at_once(world):
    account = world.account(0)
    path = f"v26.0/{account['ig_user_id']}?access_token={account['access_token']}&fields="
    began = time.monotonic()
    (many,) = world.batch([path + "media{id}," * 60_000 + "id"]).json()
    assert time.monotonic() - began < 1
    assert "Too many fields" in json.loads(many["body"])["error"]["message"]
    (enough,) = world.batch([path + ",".join(["id"] * 200)]).json()
    assert enough["code"] == 200


@pytest.mark.parametrize(("path", "megabytes"), [("v26.0/", 16), ("_sandbox/faults", 64)])
def test_a_body_that_is_too_large_is_refused_before_it_is_read_to_its_end(world, path, megabytes):
    def trickle():
        for _ in range(megabytes + 1):
            yield b"a" * 1024 * 1024
        for _ in range(100):
            time.sleep(0.05)
            yield b"a"

    began = time.monotonic()
    try:
        status = requests.post(f"{world.running.facebook}/{path}", data=trickle(), timeout=10).status_code
    except requests.ConnectionError:  # the server closes while the client still sends
        status = 413
    assert status == 413
    assert time.monotonic() - began < 5
    assert world.control("GET", "clock").status_code == 200


@pytest.mark.parametrize("body", ['{"paging":5}', "5", "{}", "", '{"error":5}', "[1]"])
def test_ids_bear_any_body_of_a_fault(world, body):
    account = world.account(0)
    arm(world, kind="body", body=body, endpoint="profile")
    assert world.get(account, "", ids=account["ig_user_id"]).status_code == 200


@pytest.mark.parametrize(("kind", "status", "start"), [("garbage", 200, '{"data":[{"id'), ("html_503", 503, "<!DOC")])
def test_a_spoiled_read_of_many_is_handed_on_as_it_is(world, kind, status, start):
    account = world.account(0)
    arm(world, kind=kind, endpoint="profile")
    reply = world.get(account, "", ids=account["ig_user_id"])
    assert (reply.status_code, reply.text[: len(start)]) == (status, start)


@pytest.mark.parametrize("kind", ["cut", "lost"])
@pytest.mark.parametrize("endpoint", ["profile", "ids"])
def test_a_read_of_many_breaks_off_when_a_part_of_it_does(world, kind, endpoint):
    account = world.account(0)
    arm(world, kind=kind, endpoint=endpoint)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        world.get(account, "", ids=account["ig_user_id"])


@pytest.mark.parametrize("endpoint", ["profile", "ids"])
def test_a_read_of_many_is_as_slow_as_its_slowest_part(world, endpoint):
    account = world.account(0)
    arm(world, kind="slow", seconds=0.2, endpoint=endpoint)
    reply = world.get(account, "", ids=account["ig_user_id"])
    assert (list(reply.json()), reply.elapsed.total_seconds() >= 0.2) == ([account["ig_user_id"]], True)


def test_faults_strike_a_read_of_many_itself(world):
    account = world.account(0)
    arm(world, kind="http_500", endpoint="ids", times=1)
    assert world.error(world.get(account, "", ids=account["ig_user_id"])) == (2, None)
    assert world.get(account, "", ids=account["ig_user_id"]).status_code == 200


@pytest.mark.parametrize("kind", ["garbage", "cut", "lost", "html_503"])
def test_what_builds_on_a_spoiled_item_is_aborted(world, kind):
    account = world.account(0)
    arm(world, kind=kind, endpoint="profile")
    token = f"access_token={account['access_token']}"
    first = {"method": "GET", "name": "x", "relative_url": f"v26.0/{account['ig_user_id']}?{token}"}
    second = {"method": "GET", "relative_url": f"v26.0/{{result=x:$.id}}/stories?{token}"}
    _, aborted = world.items([first, second])
    assert "Request aborted" in json.loads(aborted["body"])["error"]["message"]


@pytest.mark.parametrize("how", ["batch", "ids"])
def test_answers_to_many_have_the_headers_of_any_other(world, how):
    account = world.account(0)
    reply = world.batch([]) if how == "batch" else world.get(account, "", ids=account["ig_user_id"])
    assert reply.headers["Cache-Control"] == "private, no-cache, no-store, must-revalidate"
    assert reply.headers["facebook-api-version"] == "v26.0"
    assert how == "batch" or "call_count" in json.loads(reply.headers["X-App-Usage"])


def arm(world, **fault):
    assert world.control("POST", "faults", [fault]).status_code == 200
