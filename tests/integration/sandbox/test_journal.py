"""What the journal tells of each call."""

from __future__ import annotations

import pytest
import requests


def kept(world):
    return world.control("GET", "journal").json()["calls"]


def test_the_journal_tells_what_became_of_each_call_from_when_it_is_begun(world):
    account = world.account(0)
    shown = [story["id"] for story in world.stories(account)]
    assert kept(world) == []
    world.control("POST", "journal")
    world.stories(account)
    world.get(account, f"{shown[0]}/insights", metric="views")
    world.control("POST", "faults", [{"kind": "throttle", "endpoint": "insights", "minutes": 40}])
    world.get(account, f"{shown[0]}/insights", metric="navigation", breakdown="story_navigation_action_type")
    world.get(account, "17999")
    calls = kept(world)
    owner = account["ig_user_id"]
    assert [(call["ig_user_id"], call["at"]) for call in calls] == [(owner, "2026-11-05T20:00:00Z")] * 4
    told = [
        (call["endpoint"], call["object_id"], call["asked"], call["outcome"], call["wait_minutes"]) for call in calls
    ]
    assert told == [
        ("stories", owner, "", "answered", 0),
        ("insights", shown[0], "views", "answered", 0),
        ("insights", shown[0], "navigation/story_navigation_action_type", "throttle", 40),
        ("node", "17999", "", "error_100", 0),
    ]
    assert [call["shown"] for call in calls] == [shown, [], [], []]
    world.control("DELETE", "journal")
    world.stories(account)
    assert kept(world) == []


@pytest.mark.parametrize("kind", ["cut", "lost"])
def test_nobody_was_answered_by_what_broke_off(world, kind):
    account = world.account(0)
    item = f"{account['ig_user_id']}/stories?access_token={account['access_token']}"
    world.control("POST", "journal")
    world.control("POST", "faults", [{"kind": kind, "endpoint": "stories", "times": 1}])
    world.batch([item, item])
    assert [call["outcome"] for call in kept(world)] == [kind, "answered"]
    world.control("POST", "journal")
    world.control("POST", "faults", [{"kind": "cut", "endpoint": "batch", "times": 1}])
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        world.batch([item])
    world.batch([item])
    assert [call["outcome"] for call in kept(world)] == ["cut", "answered"]
