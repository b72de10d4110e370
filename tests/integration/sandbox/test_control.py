from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests
import yaml
from typer.testing import CliRunner

from storykeep.cli import app
from storykeep.errors import StorykeepError
from storykeep.sandbox.serve import Options, sandbox, serve
from storykeep.sandbox.world import accounts_file


@pytest.mark.parametrize("port", ["facebook", "instagram", "cdn"])
def test_control_answers_on_every_port(world, port):
    assert world.control("GET", "clock", port=port).json() == {"now": "2026-11-05T20:00:00Z", "speed": 0}


def test_clock(world):
    assert world.control("POST", "clock", {"advance": 90}).json()["now"] == "2026-11-05T20:01:30Z"
    assert world.control("POST", "clock", {"now": "2026-11-06T01:00:00+01:00"}).json()["now"] == "2026-11-06T00:00:00Z"
    reply = world.get(world.account(0), "me")
    assert parsedate_to_datetime(reply.headers["Date"]).isoformat() == "2026-11-06T00:00:00+00:00"
    assert world.control("POST", "clock", {"speed": 1000}).json()["speed"] == 1000
    time.sleep(0.05)
    assert world.control("GET", "clock").json()["now"] > "2026-11-06T00:00:50Z"


@pytest.mark.parametrize(
    "bad",
    [
        *({}, [], "x", {"when": 1}, {"now": "soon"}, {"advance": "long"}, {"advance": 1e30}, {"advance": 2e9}),
        *({"now": "2020-12-31T23:59:59Z"}, {"now": "2061-01-01T00:00:00Z", "speed": 1}, {"advance": True}),
        *({"speed": speed, "advance": 60} for speed in (-1, float("inf"), float("nan"), 1e300, True, "fast")),
        *({"speed": 5, **rest} for rest in ({"now": "soon"}, {"advance": "long"}, {"advance": -1e9})),
    ],
)
def test_a_bad_clock_is_refused_and_nothing_of_it_is_done(world, bad):
    reply = world.http.post(f"{world.running.cdn}/_sandbox/clock", data=json.dumps(bad), timeout=10)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert world.control("GET", "clock").json() == {"now": "2026-11-05T20:00:00Z", "speed": 0}


@pytest.mark.parametrize("year", ["0001", "2020", "2061", "9999"])
def test_there_is_no_truth_outside_the_years_of_the_world(world, year):
    reply = world.control("GET", f"truth?at={year}-06-01T00:00:00Z")
    assert reply.status_code == 400
    assert "choose 2021 to 2060" in reply.json()["error"]


@pytest.mark.parametrize("days", [-1, 20_000, 100_000_000])
def test_a_history_that_cannot_be_is_one_clear_message(days):
    with pytest.raises(StorykeepError, match="--history-days"), sandbox(accounts=1, history_days=days):
        pass


def test_a_sandbox_begins_with_the_likeliest_switches(world):
    world.control("POST", "switches", {"MIN_VIEWERS": 7})
    with sandbox(accounts=1) as another:
        assert requests.get(f"{another.cdn}/_sandbox/switches", timeout=10).json()["MIN_VIEWERS"] == 5


@pytest.mark.parametrize(
    ("control", "bad", "words"),
    [
        ("grants", {"event": "revoked", "when": "now"}, "not the end of a grant"),
        ("grants", {"scopes": ["instagram_basics"]}, "no list of permissions"),
        ("grants", {"scopes": ["instagram_business_basic"]}, "no list of permissions"),
        ("grants", {"scopes": [["instagram_basic"]]}, "no list of permissions"),
        ("dialog", {"declined": ["instagram_basics"]}, "no list of permissions"),
        ("dialog", {"declined": ["instagram_business_basic"]}, "no list of permissions"),
    ],
)
def test_what_grants_and_dialog_do_not_know_is_refused(world, control, bad, words):
    reply = world.control("POST", control, {"ig_user_id": world.account(0)["ig_user_id"], **bad})
    assert reply.status_code == 400
    assert words in reply.json()["error"]


def test_either_flavours_permissions_can_be_declined_by_whoever_comes(world):
    declined = ["instagram_business_manage_insights", "ads_read"]
    assert world.control("POST", "dialog", {"declined": declined}).json()["facebook"]["declined"] == declined


def test_a_stream_ends_when_its_client_leaves(monkeypatch):
    made, row = [], accounts_file._row
    monkeypatch.setattr(accounts_file, "_row", lambda *asked: made.append(1) or row(*asked))
    with sandbox(accounts=100_000) as large:
        with requests.get(f"{large.cdn}/_sandbox/accounts.csv", timeout=60, stream=True) as reply:
            assert next(reply.iter_lines()).startswith(b"login_flavour")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            before = len(made)
            time.sleep(0.2)
            if len(made) == before:
                break
        assert 0 < before < 50_000


def link(world):
    return next(row["media_url"] for row in world.stories(world.account(0), "media_url") if "media_url" in row)


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("html_503", 503), ("error_100_33", 400)])
def test_the_cdn_can_fail(world, kind, status):
    url = link(world)
    arm(world, kind=kind, endpoint="cdn", ig_user_id=world.account(0)["ig_user_id"], times=1)
    assert world.http.get(url, timeout=10).status_code == status
    assert world.http.get(url, timeout=10).status_code == 200


def test_the_cdn_can_be_slow_or_break_off(world):
    url = link(world)
    whole = world.http.get(url, timeout=10)
    arm(world, kind="slow", endpoint="cdn", seconds=0.2)
    late = world.http.get(url, timeout=10)
    assert (late.content, late.elapsed.total_seconds() >= 0.2) == (whole.content, True)
    arm(world, kind="cut", endpoint="cdn")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        world.http.get(url, timeout=10)


def test_truth_has_the_agreed_columns(world):
    body = world.control("GET", "truth?at=2026-11-15T00:00:00Z").json()
    assert body["at"] == "2026-11-15T00:00:00Z"
    names = (
        "story_id ig_user_id username login_flavour posted_at expires_at viewers views reach replies shares follows "
        "profile_visits profile_activity link_clicks facebook_views total_interactions reposts taps_forward taps_back "
        "exits swipes_forward served cause"
    )
    assert len(body["stories"]) > 350
    assert list(body["stories"][0]) == names.split()
    assert {row["cause"] for row in body["stories"]} == {None, "not_tracked", "token", "permission", "withheld"}
    assert all(row["served"] == (row["cause"] is None) for row in body["stories"])
    assert world.control("GET", "truth?at=never").status_code == 400


@pytest.mark.parametrize(("path", "size"), [("accounts.csv", 6000), ("truth?at=2026-11-01T00:00:00Z", 3000)])
def test_a_long_reply_does_not_keep_the_others_waiting(path, size):
    with sandbox(accounts=size, start=datetime(2026, 11, 1, tzinfo=UTC)) as large, ThreadPoolExecutor() as pool:
        reply, answered = pool.submit(requests.get, f"{large.cdn}/_sandbox/{path}", timeout=60), 0
        with requests.Session() as http:
            while not reply.done():
                assert http.get(f"{large.facebook}/_sandbox/clock", timeout=60).status_code == 200
                answered += 1
        assert answered > 5  # one or two, if the long reply were made in one go
        text = reply.result().text
        rows = text.splitlines()[1:] if path == "accounts.csv" else json.loads(text)["stories"]
        assert len(rows) >= size


def test_the_truth_before_the_first_story_is_an_empty_list(world):
    body = world.control("GET", "truth?at=2026-10-01T00:00:00Z").json()
    assert body == {"at": "2026-10-01T00:00:00Z", "stories": []}


def test_campaigns_file(world):
    document = yaml.safe_load(world.control("GET", "campaigns.yaml").text)
    assert (len(document["brands"]), len(document["campaigns"])) == (3, 6)


def test_unknown_controls_and_faults_are_refused(world):
    assert world.control("GET", "nothing").status_code == 404
    assert world.control("POST", "faults", {"kind": "cut"}).status_code == 400
    assert "kind cannot be 'meteor'" in world.control("POST", "faults", [{"kind": "meteor"}]).json()["error"]


def stories(world):
    account = world.account(0)
    return world.get(account, f"{account['ig_user_id']}/stories")


def arm(world, **fault):
    assert world.control("POST", "faults", [fault]).status_code == 200


def test_faults_of_the_platform(world):
    arm(world, kind="http_500", endpoint="stories")
    reply = stories(world)
    assert (reply.status_code, world.error(reply)) == (500, (2, None))
    assert reply.json()["error"]["is_transient"] is True
    assert world.get(world.account(0), "me").status_code == 200
    arm(world, kind="html_503")
    assert (stories(world).status_code, stories(world).headers["content-type"]) == (503, "text/html; charset=utf-8")
    arm(world, kind="garbage")
    assert stories(world).status_code == 200
    with pytest.raises(ValueError):
        stories(world).json()
    arm(world, kind="empty")
    assert stories(world).json() == {"data": []}
    world.control("DELETE", "faults")
    assert stories(world).json()["data"]


@pytest.mark.parametrize("kind", ["cut", "lost"])
def test_a_cut_reply_breaks_off_and_the_next_is_whole(world, kind):
    arm(world, kind=kind, times=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        stories(world)
    assert stories(world).status_code == 200


def test_a_cut_batch_breaks_off(world):
    arm(world, kind="cut", endpoint="batch")
    account = world.account(0)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        world.batch([f"{account['ig_user_id']}/stories?access_token={account['access_token']}"])


def test_throttling_says_how_long(world):
    account = world.account(1)
    arm(world, kind="throttle", ig_user_id=account["ig_user_id"], minutes=12)
    reply = world.get(account, f"{account['ig_user_id']}/stories")
    assert world.error(reply) == (80002, None)
    (pool,) = json.loads(reply.headers["X-Business-Use-Case-Usage"])[account["ig_user_id"]]
    assert (pool["type"], pool["call_count"], pool["estimated_time_to_regain_access"]) == ("instagram", 100, 12)
    assert stories(world).status_code == 200
    arm(world, kind="app_throttle")
    reply = stories(world)
    assert world.error(reply) == (4, None)
    assert json.loads(reply.headers["X-App-Usage"])["call_count"] == 100


def test_usage_is_counted(world):
    account = world.account(0)
    token = {"input_token": account["access_token"]}
    for _ in range(30):
        reply = world.get(account, "debug_token", **token)
    assert json.loads(reply.headers["X-App-Usage"])["call_count"] >= 1
    world.advance(hours=2)
    reply = world.get(account, "debug_token", **token)
    assert json.loads(reply.headers["X-App-Usage"])["call_count"] == 0


def test_latency_delays_the_api_and_not_the_controls():
    with sandbox(accounts=2, latency_ms=1000) as slow, requests.Session() as http:
        assert http.get(f"{slow.facebook}/_sandbox/clock", timeout=10).elapsed.total_seconds() < 1
        assert http.get(f"{slow.facebook}/v26.0/me", timeout=10).elapsed.total_seconds() >= 1


def test_keep_alive_has_no_delay_between_requests(world):
    # A delayed acknowledgement costs each of them 0.04 s, so that no machine is too busy to tell by the fastest.
    world.batch([])
    assert min(world.batch([]).elapsed.total_seconds() for _ in range(50)) < 0.04


def test_a_taken_port_is_one_clear_message():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StorykeepError, match="cannot be had"):
            serve(Options(accounts=1, port_base=taken.getsockname()[1]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_and_stops_on_a_signal(number):
    code = "from storykeep.sandbox.serve import Options, serve\nserve(Options(accounts=3, speed=1.0))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        ready = json.loads(process.stdout.readline())
        assert ready.keys() == {"facebook", "instagram", "cdn", "control", "app"}
        assert ready["control"] == f"{ready['facebook']}/_sandbox/"
        assert ready["app"]["instagram"].keys() == {"id", "secret"}
        with requests.Session() as http:
            for name in ("facebook", "instagram", "cdn"):
                assert http.get(f"{ready[name]}/_sandbox/clock", timeout=10).json()["speed"] == 1.0
            began = time.monotonic()
            process.send_signal(number)
            assert process.wait(5) == 0
            assert time.monotonic() - began < 1.5
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("endpoint", ["stories", "batch"])
def test_a_slow_reply_is_held_back_and_whole(world, endpoint):
    account = world.account(0)
    listing = f"v26.0/{account['ig_user_id']}/stories?fields=id&access_token={account['access_token']}"
    world.control("POST", "faults", [{"kind": "slow", "seconds": 0.2, "endpoint": endpoint}])
    [answer] = world.items([{"method": "GET", "relative_url": listing}])
    assert answer["code"] == 200
    reply = world.batch([listing])
    assert reply.elapsed.total_seconds() >= 0.2


def test_the_help_of_serve_is_enough_to_begin_with():
    text = CliRunner().invoke(app, ["sandbox", "serve", "--help"]).output
    for word in ("/_sandbox/accounts.csv", "clock", "faults", "grants", "dialog", "switches", "docs/sandbox.md"):
        assert word in text


@pytest.mark.parametrize("speed", ["inf", "nan", "1e300", "-1"])
def test_serve_refuses_a_speed_that_cannot_be(speed):
    outcome = CliRunner().invoke(app, ["sandbox", "serve", "--speed", speed])
    assert outcome.exit_code in (1, 2)
    assert "speed" in outcome.output + str(outcome.exception)
