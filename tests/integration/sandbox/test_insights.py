from __future__ import annotations

import pytest

from storykeep.sandbox import switches

CORE = "reach,views,replies,shares,follows,profile_visits,total_interactions,reposts,navigation"

GONE = ("impressions", "plays", "video_views", "taps_forward", "taps_back", "exits", "engagement")


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


def test_the_name_of_a_breakdown_may_be_in_upper_case(world):
    account = world.account(0)
    path = f"{some_story(world, account)}/insights"
    asked = ("story_navigation_action_type", "STORY_NAVIGATION_ACTION_TYPE")
    lower, upper = (world.get(account, path, metric="navigation", breakdown=name).json() for name in asked)
    assert "breakdowns" in lower["data"][0]["total_value"]
    assert lower == upper


def test_a_refused_metric_is_answered_with_those_of_the_host(world):
    words = []
    for number in (0, 1):
        account = world.account(number)
        reply = world.get(account, f"{some_story(world, account)}/insights", metric="loves")
        words.append(reply.json()["error"]["message"])
    assert "link_clicks" in words[0]
    assert all(metric not in words[1] for metric in ("link_clicks", "total_views", "total_likes", "total_comments"))


def test_whether_there_are_link_clicks(world, monkeypatch):
    account = world.account(0)
    path = f"{some_story(world, account)}/insights"
    assert len(values(world.get(account, path, metric="link_clicks"))) == 1
    monkeypatch.setattr(switches, "LINK_CLICKS", False)
    reply = world.get(account, path, metric="link_clicks")
    assert world.error(reply) == (100, None)
    assert "must be one of" in reply.json()["error"]["message"]
    assert "link_clicks" not in reply.json()["error"]["message"]


@pytest.mark.parametrize("number", [0, 1])
def test_whether_the_core_metrics_may_be_asked_for_together(world, monkeypatch, number):
    account = world.account(number)
    path = f"{some_story(world, account)}/insights"
    monkeypatch.setattr(switches, "CORE_TOGETHER", False)
    reply = world.get(account, path, metric=CORE)
    assert world.error(reply) == (100, None)
    assert "does not support the navigation metric" in reply.json()["error"]["message"]
    proven = ("reach,shares,views,total_interactions,replies,navigation", "follows,profile_visits,reposts")
    for metrics in (*proven, *CORE.split(",")):
        assert len(values(world.get(account, path, metric=metrics))) == metrics.count(",") + 1


def test_the_refusal_of_facebook_views_is_what_the_switches_say(world, monkeypatch):
    account = world.account(1)
    path = f"{some_story(world, account)}/insights"

    def refusal():
        reply = world.get(account, path, metric="facebook_views")
        return *world.error(reply), reply.json()["error"]["message"]

    assert refusal() == (100, 2207086, "Invalid parameter")
    monkeypatch.setattr(switches, "NOT_SHARED_CODE", 200)
    monkeypatch.setattr(switches, "NOT_SHARED_MESSAGE", "The metric facebook_views is not available for this media")
    assert refusal() == (200, 2207086, "The metric facebook_views is not available for this media")


def test_profile_activity_breakdown(world):
    account = world.account(0)
    story = some_story(world, account, 500)
    params = {"metric": "profile_activity", "breakdown": "action_type"}
    (row,) = world.get(account, f"{story}/insights", **params).json()["data"]
    (split,) = row["total_value"]["breakdowns"]
    assert split["dimension_keys"] == ["action_type"]
    assert sum(result["value"] for result in split["results"]) == row["total_value"]["value"]
    assert row["total_value"]["value"] == world.truth()[story]["profile_activity"] > 0


@pytest.mark.parametrize(
    ("number", "params", "expected", "words"),
    [
        (0, {}, (100, None), "metric is required"),
        (0, {"metric": "reach,likes"}, (100, None), "does not support the likes metric"),
        (0, {"metric": "reach,taps"}, (100, None), "metric[1] must be one of the following values"),
        *(
            (0, {"metric": f"reach,{metric}"}, (100, None), f"{metric} metric is no longer supported")
            for metric in GONE
        ),
        (1, {"metric": "link_clicks"}, (100, None), "must be one of"),
        (0, {"metric": "navigation", "breakdown": "weekday"}, (100, None), "breakdown[0] must be one of"),
        (0, {"metric": "reach", "breakdown": "follow_type"}, (1, None), "unknown error"),
        (1, {"metric": "navigation", "breakdown": "surface_type"}, (1, None), "unknown error"),
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
    metrics = "views,total_views,link_clicks"
    views, total, clicks = values(world.get(account, f"{story}/insights", metric=metrics))
    assert total >= views > 0
    assert clicks == world.truth()[story]["link_clicks"]
    image = some_story(world, account, media_type="IMAGE")
    assert world.error(world.get(account, f"{image}/insights", metric="total_views")) == (200, None)


def values(reply) -> list[int]:
    """The values of the rows of an answer."""
    return [row["values"][0]["value"] for row in reply.json()["data"]]


@pytest.mark.parametrize("number", [0, 1])
def test_facebook_views_are_a_count_where_the_story_was_shared_and_else_an_error(world, number):
    account, refused, shared = world.account(number), [], []
    for _ in range(16):
        world.advance(hours=18)
        for story in world.stories(account):
            reply = world.get(account, f"{story['id']}/insights", metric="facebook_views")
            if reply.status_code == 400 and world.error(reply) == (100, 2207086):
                assert reply.json()["error"]["is_transient"] is False
                assert world.truth()[story["id"]]["facebook_views"] is None
                refused.append(story["id"])
            elif reply.status_code == 200 and reply.json()["data"]:
                views, on_facebook = values(
                    world.get(account, f"{story['id']}/insights", metric="views,facebook_views")
                )
                assert 0 < on_facebook < views
                assert on_facebook == world.truth()[story["id"]]["facebook_views"]
                shared.append(story["id"])
    assert len(refused) > len(shared)
    assert bool(shared) == (number == 0)  # an Instagram login has no Page to share to


@pytest.mark.parametrize(
    "params", [{"metric_type": "total_value"}, {"metric_type": "nonsense"}, {"period": "day"}, {"period": "lifetime"}]
)
def test_metric_type_and_period_change_nothing(world, params):
    account = world.account(0)
    path = f"{some_story(world, account)}/insights"
    assert world.get(account, path, metric=CORE, **params).json() == world.get(account, path, metric=CORE).json()


def test_a_period_that_is_none_is_refused(world):
    account = world.account(0)
    reply = world.get(account, f"{some_story(world, account)}/insights", metric="reach", period="century")
    assert world.error(reply) == (100, None)


def test_breakdown_values_are_in_upper_case_if_the_switch_says_so(world, monkeypatch):
    account = world.account(0)
    path, params = f"{some_story(world, account)}/insights", {"breakdown": "story_navigation_action_type"}
    monkeypatch.setattr(switches, "UPPER_CASE_BREAKDOWN", True)
    (row,) = world.get(account, path, metric="navigation", **params).json()["data"]
    found = {result["dimension_values"][0] for result in row["total_value"]["breakdowns"][0]["results"]}
    assert "TAP_FORWARD" in found
    assert all(value == value.upper() for value in found)


def test_breakdown_values_come_in_no_fixed_order_and_never_as_zero(world):
    account, orders, sizes = world.account(0), set(), set()
    for _ in range(12):
        world.advance(hours=12)
        for story in world.stories(account):
            params = {"metric": "profile_activity", "breakdown": "action_type"}
            reply = world.get(account, f"{story['id']}/insights", **params)
            for row in reply.json().get("data", []):
                results = row["total_value"]["breakdowns"][0]["results"]
                assert all(result["value"] > 0 for result in results)
                orders.add(tuple(result["dimension_values"][0] for result in results))
                sizes.add(len(results))
    assert len(sizes) > 1
    assert len({frozenset(order) for order in orders}) < len(orders)


def test_plain_metrics_carry_total_value_if_the_switch_says_so(world, monkeypatch):
    account = world.account(0)
    path = f"{some_story(world, account)}/insights"
    plain = values(world.get(account, path, metric=CORE))
    monkeypatch.setattr(switches, "PLAIN_METRIC", "total_value")
    rows = world.get(account, path, metric=CORE).json()["data"]
    assert [row["total_value"]["value"] for row in rows] == plain
    assert all("values" not in row for row in rows)


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


def test_a_missing_insights_permission_is_silent_if_the_switch_says_so(world, monkeypatch):
    missing, granted = world.account(6), world.account(0)
    monkeypatch.setattr(switches, "SILENT_INSIGHTS", True)
    story = world.stories(missing)[0]["id"]
    reply = world.get(missing, f"{story}/insights", metric=CORE)
    assert (reply.status_code, reply.json()) == (200, {"data": []})
    assert len(values(world.get(granted, f"{some_story(world, granted)}/insights", metric=CORE))) == 9
