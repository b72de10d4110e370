"""Fields that are edges, many ids in one read, and the forms that parameters come in."""

import json

import pytest


def test_insights_come_inside_each_story(world):
    account = world.account(0)
    fields = "id,insights.metric(reach,views)"
    nested = [story for story in world.stories(account, fields) if "insights" in story]
    assert nested
    for story in nested:
        alone = world.get(account, f"{story['id']}/insights", metric="reach,views").json()
        assert story["insights"]["data"] == alone["data"]


def test_an_edge_as_a_field_has_cursors_but_no_links(world):
    account = world.account(0)
    whole = world.get(account, account["ig_user_id"], fields="username,stories.limit(1){id,caption}").json()
    assert whole["username"] == account["username"]
    assert len(whole["stories"]["data"]) == 1
    assert set(whole["stories"]["paging"]) == {"cursors"}
    alone = world.get(account, f"{account['ig_user_id']}/stories", limit=1).json()
    assert "next" in alone["paging"]


def test_one_nested_error_fails_the_whole_read(world):
    account = world.account(0)
    reply = world.get(account, f"{account['ig_user_id']}/stories", fields="id,insights.metric(saved)")
    assert world.error(reply) == (100, None)
    assert "saved" in reply.json()["error"]["message"]


def test_a_field_can_be_called_something_else(world):
    account = world.account(0)
    assert (
        world.get(account, account["ig_user_id"], fields="username.as(handle)").json()["handle"] == account["username"]
    )


@pytest.mark.parametrize("fields", ["id,stories{id", "id,,username", "stories.limit(1", "id)", ".limit(1)", "{id}"])
def test_fields_that_do_not_follow_the_grammar_are_refused(world, fields):
    account = world.account(0)
    assert world.error(world.get(account, account["ig_user_id"], fields=fields)) == (100, None)


def test_many_ids_are_read_at_once(world):
    account = world.account(0)
    ids = [story["id"] for story in world.stories(account)]
    many = world.get(account, "", ids=",".join(ids), fields="id,timestamp").json()
    assert list(many) == ids
    readings = world.get(account, "insights", ids=",".join(ids[:2]), metric="views").json()
    assert all("data" in reading for reading in readings.values())


def test_one_bad_id_fails_them_all(world):
    account = world.account(0)
    ids = [story["id"] for story in world.stories(account)]
    assert world.error(world.get(account, "", ids=f"{ids[0]},18099999999999999")) == (803, None)
    too_many = world.get(account, "", ids=",".join(str(number) for number in range(51)))
    assert world.error(too_many) == (100, None)


def test_each_id_counts_as_a_call(world):
    account = world.account(0)
    ids = [story["id"] for story in world.stories(account)]
    world.control("DELETE", "log")
    world.get(account, "", ids=",".join(ids))
    log = world.control("GET", "log").json()
    assert (log["requests"], log["batch_items"]) == (1, len(ids))


def test_parameters_may_come_as_a_form_in_parts_or_as_json(world):
    app, account = world.running.app["facebook"], world.account(0)
    form = {
        "grant_type": "fb_exchange_token",
        "client_id": app.id,
        "client_secret": app.secret,
        "fb_exchange_token": account["access_token"],
    }
    url = f"{world.running.facebook}/v26.0/oauth/access_token"
    for body in ({"data": form}, {"files": {name: (None, value) for name, value in form.items()}}, {"json": form}):
        assert world.http.post(url, timeout=10, **body).json()["access_token"]
    for garbage in (b"{", b"[1]", b"\xff\xfe", b'"text"'):
        reply = world.http.post(url, data=garbage, headers={"Content-Type": "application/json"}, timeout=10)
        assert world.error(reply) == (100, None)
    broken = world.http.post(url, data=b"--x", headers={"Content-Type": "multipart/form-data"}, timeout=10)
    assert world.error(broken) == (100, None)


def test_the_log_counts_bytes(world):
    account = world.account(0)
    world.control("DELETE", "log")
    reply = world.get(account, f"{account['ig_user_id']}/stories", fields="id")
    [row] = world.control("GET", "log").json()["calls"]
    assert row == {
        "endpoint": "stories",
        "ig_user_id": account["ig_user_id"],
        "requests": 1,
        "batch_items": 0,
        "bytes": len(json.dumps(reply.json(), separators=(",", ":"))),
    }
