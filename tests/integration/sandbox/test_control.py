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

from storykeep.errors import StorykeepError
from storykeep.sandbox.serve import sandbox, serve


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
    "bad", [{}, [], "x", {"when": 1}, {"now": "soon"}, {"advance": "long"}, {"speed": -1}, {"advance": 1e30}]
)
def test_a_bad_clock_is_refused(world, bad):
    reply = world.control("POST", "clock", bad)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert world.control("GET", "clock").json()["now"] == "2026-11-05T20:00:00Z"


def test_truth_has_the_agreed_columns(world):
    body = world.control("GET", "truth?at=2026-11-15T00:00:00Z").json()
    assert body["at"] == "2026-11-15T00:00:00Z"
    names = (
        "story_id ig_user_id username login_flavour posted_at expires_at viewers views reach replies shares follows "
        "profile_visits total_interactions reposts taps_forward taps_back exits swipes_forward served cause"
    )
    assert len(body["stories"]) > 350
    assert list(body["stories"][0]) == names.split()
    assert {row["cause"] for row in body["stories"]} == {None, "not_tracked", "token", "permission", "withheld"}
    assert all(row["served"] == (row["cause"] is None) for row in body["stories"])
    assert world.control("GET", "truth?at=never").status_code == 400


@pytest.mark.parametrize(("path", "size"), [("accounts.csv", 6000), ("truth?at=2026-11-01T00:00:00Z", 3000)])
def test_a_long_reply_does_not_keep_the_others_waiting(path, size):
    with sandbox(accounts=size, start=datetime(2026, 11, 1, tzinfo=UTC)) as large, ThreadPoolExecutor() as pool:
        began = time.monotonic()
        reply = pool.submit(requests.get, f"{large.cdn}/_sandbox/{path}", timeout=60)
        waits = []
        with requests.Session() as http:
            while not reply.done():
                asked = time.monotonic()
                assert http.get(f"{large.facebook}/_sandbox/clock", timeout=60).status_code == 200
                waits.append(time.monotonic() - asked)
        assert max(waits) < (time.monotonic() - began) / 2
        assert len(waits) > 5
        text = reply.result().text
        rows = text.splitlines()[1:] if path == "accounts.csv" else json.loads(text)["stories"]
        assert len(rows) >= size


def test_the_truth_before_the_first_story_is_an_empty_list(world):
    body = world.control("GET", "truth?at=2026-10-01T00:00:00Z").json()
    assert body == {"at": "2026-10-01T00:00:00Z", "stories": []}


def test_campaigns_file(world):
    document = yaml.safe_load(world.control("GET", "campaigns.yaml").text)
    assert (len(document["brands"]), len(document["campaigns"])) == (3, 5)


def test_unknown_controls_and_faults_are_refused(world):
    assert world.control("GET", "nothing").status_code == 404
    assert world.control("POST", "faults", {"kind": "cut"}).status_code == 400
    assert "no such kind" in world.control("POST", "faults", [{"kind": "meteor"}]).json()["error"]


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
    with sandbox(accounts=2, latency_ms=80) as slow, requests.Session() as http:
        began = time.monotonic()
        http.get(f"{slow.facebook}/_sandbox/clock", timeout=10)
        assert time.monotonic() - began < 0.08
        began = time.monotonic()
        http.get(f"{slow.facebook}/v26.0/me", timeout=10)
        assert time.monotonic() - began >= 0.08


def test_keep_alive_has_no_delay_between_requests(world):
    stories(world)
    began = time.monotonic()
    for _ in range(50):
        stories(world)
        world.batch([])
    assert (time.monotonic() - began) / 100 < 0.02  # delayed acknowledgements cost 0.04 s each


def test_a_taken_port_is_one_clear_message():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StorykeepError, match="cannot be had"):
            serve(
                accounts=1,
                seed=1,
                start=datetime(2026, 11, 1, tzinfo=UTC),
                history_days=0,
                speed=0,
                latency_ms=0,
                port_base=taken.getsockname()[1],
            )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_and_stops_on_a_signal(number):
    code = (
        "from datetime import UTC, datetime\nfrom storykeep.sandbox.serve import serve\n"
        "serve(accounts=3, seed=1, start=datetime(2026, 11, 1, tzinfo=UTC), history_days=0, speed=1.0, "
        "latency_ms=0, port_base=0)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        ready = json.loads(process.stdout.readline())
        assert ready.keys() == {"facebook", "instagram", "cdn", "app"}
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
