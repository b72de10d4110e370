from __future__ import annotations

import pytest

from storykeep.sandbox import switches

CORE = "reach,views,replies,shares,follows,profile_visits,total_interactions,reposts,navigation"


def some_story(world, account, at_least: int = 200, media_type: str | None = None) -> str:
    """A live story of an account with enough views; time goes on until there is one."""
    for _ in range(40):
        truth = world.truth()
        for story in world.stories(account):
            if truth[story["id"]]["views"] >= at_least and media_type in (None, story["media_type"]):
                return story["id"]
        world.advance(hours=3)
    raise AssertionError("no such story")


@pytest.mark.parametrize("number", [0, 1])
def test_core_metrics_equal_the_truth(world, number):
    account = world.account(number)
    story = some_story(world, account, 30)
    rows = world.get(account, f"{story}/insights", metric=CORE).json()["data"]
    truth = world.truth()[story]
    truth["navigation"] = sum(truth[name] for name in ("taps_forward", "taps_back", "exits", "swipes_forward"))
    assert [row["name"] for row in rows] == CORE.split(",")
    for row in rows:
        assert row["values"] == [{"value": truth[row["name"]]}]
        assert row["period"] == "lifetime"
        assert row["id"] == f"{story}/insights/{row['name']}/lifetime"
        assert "total_value" not in row


def test_navigation_breakdown_is_lower_case_and_sums_up(world):
    account = world.account(0)
    story = some_story(world, account)
    params = {"metric": "navigation", "breakdown": "story_navigation_action_type"}
    (row,) = world.get(account, f"{story}/insights", **params).json()["data"]
    (split,) = row["total_value"]["breakdowns"]
    values = {result["dimension_values"][0]: result["value"] for result in split["results"]}
    truth = world.truth()[story]
    assert split["dimension_keys"] == ["story_navigation_action_type"]
    assert values["tap_forward"] == truth["taps_forward"]
    assert values["tap_exit"] == truth["exits"]
    assert values.keys() <= {"tap_forward", "tap_back", "tap_exit", "swipe_forward"}
    assert sum(values.values()) == row["total_value"]["value"] == row["values"][0]["value"] > 0


def test_profile_activity_breakdown(world):
    account = world.account(0)
    story = some_story(world, account, 500)
    params = {"metric": "profile_activity", "breakdown": "action_type"}
    (row,) = world.get(account, f"{story}/insights", **params).json()["data"]
    (split,) = row["total_value"]["breakdowns"]
    assert split["dimension_keys"] == ["action_type"]
    assert sum(result["value"] for result in split["results"]) == row["total_value"]["value"]


@pytest.mark.parametrize(
    ("number", "params", "expected", "words"),
    [
        (0, {}, (100, None), "metric is required"),
        (0, {"metric": "reach,likes"}, (100, None), "does not support the likes metric"),
        (0, {"metric": "reach,taps_forward"}, (100, None), "metric[1] must be one of the following values"),
        (0, {"metric": "impressions"}, (100, None), "no longer supported"),
        (0, {"metric": "facebook_views"}, (100, 2207086), ""),
        (1, {"metric": "link_clicks"}, (100, None), "must be one of"),
        (0, {"metric": "navigation", "breakdown": "weekday"}, (100, None), "breakdown[0] must be one of"),
        (0, {"metric": "reach", "breakdown": "action_type"}, (1, None), "unknown error"),
        (0, {"metric": "reach,navigation", "breakdown": "story_navigation_action_type"}, (1, None), "unknown error"),
    ],
)
def test_one_bad_metric_fails_the_call(world, number, params, expected, words):
    account = world.account(number)
    reply = world.get(account, f"{some_story(world, account)}/insights", **params)
    assert world.error(reply) == expected
    assert words in reply.json()["error"]["message"]


def test_facebook_only_metrics_answer_on_the_facebook_host(world):
    account = world.account(0)
    story = some_story(world, account, media_type="VIDEO")
    (views, total, clicks) = world.get(account, f"{story}/insights", metric="views,total_views,link_clicks").json()[
        "data"
    ]
    assert total["values"] == views["values"]
    assert clicks["values"][0]["value"] >= 0
    image = some_story(world, account, media_type="IMAGE")
    assert world.error(world.get(account, f"{image}/insights", metric="total_views")) == (200, None)


def withheld_story(world) -> tuple[dict[str, str], str]:
    """A story with one to four viewers that is live now; time goes on until there is one."""
    for _ in range(60):
        truth = world.truth()
        for account in world.accounts[:3]:
            for story in world.stories(account):
                if 0 < truth[story["id"]]["viewers"] < 5:
                    return account, story["id"]
        world.advance(hours=4)
    raise AssertionError("no such story")


def test_fewer_than_five_viewers_are_withheld(world, monkeypatch):
    account, story = withheld_story(world)
    for params in ({"metric": "reach"}, {"metric": "profile_activity", "breakdown": "action_type"}):
        reply = world.get(account, f"{story}/insights", **params)
        assert (reply.status_code, world.error(reply)) == (400, (10, None))
        assert "Not enough viewers" in reply.json()["error"]["message"]
    monkeypatch.setattr(switches, "NOT_ENOUGH_VIEWERS_STATUS", 403)
    assert world.get(account, f"{story}/insights", metric="reach").status_code == 403


def test_a_story_without_viewers_has_no_data_yet(world):
    account = world.account(0)
    story = world.stories(account)[0]
    world.control("POST", "clock", {"now": story["timestamp"]})
    reply = world.get(account, f"{story['id']}/insights", metric=CORE)
    assert (reply.status_code, reply.json()) == (200, {"data": []})


def test_a_missing_insights_permission_leaves_the_list_readable(world):
    account = world.account(6)
    story = world.stories(account)[0]["id"]
    reply = world.get(account, f"{story}/insights", metric=CORE)
    assert world.error(reply) == (10, None)
    assert reply.json()["error"]["message"] == "(#10) Application does not have permission for this action"
