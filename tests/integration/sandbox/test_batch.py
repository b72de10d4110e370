from __future__ import annotations

import json


def listing(account, token=None) -> str:
    token = account["access_token"] if token is None else token
    return f"v26.0/{account['ig_user_id']}/stories?fields=id" + (f"&access_token={token}" if token else "")


def facebook(world):
    return [account for account in world.accounts if account["login_flavour"] == "facebook"]


def test_every_item_has_its_own_token_and_fate(world):
    one, two, three = facebook(world)[:3]
    items = [listing(one), listing(two, "EAAbad"), "no/such/thing", listing(three), f"{one['ig_user_id']}/insights/x"]
    reply = world.batch(items)
    answers = reply.json()
    assert reply.status_code == 200
    assert [answer["code"] for answer in answers] == [200, 400, 404, 200, 404]
    for account, answer in ((one, answers[0]), (three, answers[3])):
        alone = world.get(account, f"{account['ig_user_id']}/stories", fields="id")
        assert json.loads(answer["body"])["data"] == alone.json()["data"]
    assert json.loads(answers[1]["body"])["error"]["code"] == 190


def test_headers_are_name_and_value_unless_unwanted(world):
    account = facebook(world)[0]
    (answer,) = world.batch([listing(account)]).json()
    headers = {header["name"]: header["value"] for header in answer["headers"]}
    assert account["ig_user_id"] in json.loads(headers["X-Business-Use-Case-Usage"])
    assert "call_count" in json.loads(headers["X-App-Usage"])
    (bare,) = world.batch([listing(account)], include_headers="false").json()
    assert bare.keys() == {"code", "body"}


def test_the_outer_token_stands_in(world):
    account = facebook(world)[0]
    (answer,) = world.batch([listing(account, "")], token=account["access_token"]).json()
    assert answer["code"] == 200


def test_a_bad_outer_token_runs_nothing(world):
    reply = world.batch([listing(facebook(world)[0])], token="bad")
    assert world.error(reply) == (190, None)
    assert world.control("GET", "log").json()["batch_items"] == 0


def test_fifty_is_the_most(world):
    account = facebook(world)[0]
    assert len(world.batch([listing(account)] * 50).json()) == 50
    reply = world.batch([listing(account)] * 51)
    assert world.error(reply) == (100, None)
    assert "50" in reply.json()["error"]["message"]


def test_what_is_no_batch_is_refused(world):
    for batch in ("{", "{}", "[1]", ""):
        assert world.error(world.batch([], batch=batch)) == (100, None)


def test_there_is_no_batch_on_the_instagram_host(world):
    account = world.account(1)
    form = {"batch": "[]", "access_token": account["access_token"]}
    reply = world.http.post(f"{world.running.instagram}/v26.0/", data=form, timeout=10)
    assert (reply.status_code, world.error(reply)) == (400, (100, None))


def test_item_proofs_are_checked(world):
    account = facebook(world)[0]
    (answer,) = world.batch([listing(account) + "&appsecret_proof=00"]).json()
    assert json.loads(answer["body"])["error"]["code"] == 100


def test_items_are_counted_by_account(world):
    one, two = facebook(world)[:2]
    world.batch([listing(one), listing(one), listing(two)])
    world.get(one, f"{one['ig_user_id']}/stories")
    log = world.control("GET", "log").json()
    rows = {(row["endpoint"], row["ig_user_id"]): row for row in log["calls"]}
    assert (log["requests"], log["batch_items"]) == (2, 3)
    assert (rows["stories", one["ig_user_id"]]["requests"], rows["stories", one["ig_user_id"]]["batch_items"]) == (1, 2)
    assert rows["batch", None]["requests"] == 1


def test_faults_strike_single_items(world):
    one, two, three, four, five, six = facebook(world)[:6]
    kinds = {"http_500": one, "html_503": two, "garbage": three, "lost": four, "error_190_460": five}
    faults = [{"kind": kind, "ig_user_id": account["ig_user_id"]} for kind, account in kinds.items()]
    assert world.control("POST", "faults", faults).status_code == 200
    answers = world.batch([listing(account) for account in (one, two, three, four, five, six)]).json()
    assert [answer and answer["code"] for answer in answers] == [500, 503, 200, None, 400, 200]
    assert answers[1]["body"].startswith("<!DOCTYPE html>")
    assert json.loads(answers[4]["body"])["error"]["error_subcode"] == 460


def test_an_item_builds_on_what_an_earlier_one_found(world):
    account = world.account(0)
    first = f"v26.0/{account['ig_user_id']}/stories?access_token={account['access_token']}"
    second = f"v26.0/?ids={{result=list:$.data.*.id}}&fields=id&access_token={account['access_token']}"
    insights = f"v26.0/{{result=list:$.data[0].id}}/insights?metric=views&access_token={account['access_token']}"
    live = [row["id"] for row in world.stories(account)]
    batch = [
        {"method": "GET", "name": "list", "relative_url": first},
        {"method": "GET", "relative_url": insights},
        {"method": "GET", "relative_url": second},
    ]
    suppressed, reading, together = world.items(batch)
    assert suppressed is None
    assert json.loads(reading["body"])["data"][0]["id"] == f"{live[0]}/insights/views/lifetime"
    assert list(json.loads(together["body"])) == live
    batch[0]["omit_response_on_success"] = False
    assert [row["id"] for row in json.loads(world.items(batch)[0]["body"])["data"]] == live


def test_what_builds_on_a_failure_is_aborted(world):
    account = world.account(0)
    batch = [
        {"method": "GET", "name": "list", "relative_url": "v26.0/1/stories?access_token=bad"},
        {
            "method": "GET",
            "depends_on": "list",
            "relative_url": f"v26.0/{account['ig_user_id']}?access_token={account['access_token']}",
        },
    ]
    failed, aborted = world.items(batch)
    assert failed["code"] == 400
    assert "Request aborted" in json.loads(aborted["body"])["error"]["message"]
