from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.integration.sandbox.conftest import START

from storykeep.sandbox.serve import Running, sandbox

SMALL, HEALTHY = 17, (0, 1)
NOW = datetime(2026, 11, 5, 20, tzinfo=UTC)
WEEK = {"since": int((NOW - timedelta(days=7)).timestamp()), "until": int(NOW.timestamp())}
TOTALS = {
    "reach": ("media_product_type", "follow_type"),
    "views": ("media_product_type", "follow_type"),
    "accounts_engaged": (),
    "replies": (),
    "reposts": (),
    "total_interactions": ("media_product_type",),
    "likes": ("media_product_type",),
    "comments": ("media_product_type",),
    "saves": ("media_product_type",),
    "shares": ("media_product_type",),
    "profile_links_taps": ("contact_button_type",),
    "profile_views": (),
    "website_clicks": (),
}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=18, seed=5, start=START) as started:
        yield started


def ask(world, metric: str, number: int = 0, **params: object) -> requests.Response:
    account = world.account(number)
    return world.get(account, f"{account['ig_user_id']}/insights", metric=metric, **{"period": "day", **params})


def rows(reply: requests.Response) -> list[dict]:
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


@pytest.mark.parametrize("number", HEALTHY)
@pytest.mark.parametrize("metric", TOTALS)
def test_totals_answer_plainly_and_split_up_by_each_breakdown(world, metric, number):
    (row,) = rows(ask(world, metric, number, metric_type="total_value", **WEEK))
    assert row["id"] == f"{world.account(number)['ig_user_id']}/insights/{metric}/day"
    assert row["total_value"].keys() == {"value"}
    for breakdown in TOTALS[metric]:
        (split,) = rows(ask(world, metric, number, metric_type="total_value", breakdown=breakdown, **WEEK))
        (parts,) = split["total_value"]["breakdowns"]
        assert parts["dimension_keys"] == [breakdown]
        assert sum(part["value"] for part in parts["results"]) == row["total_value"]["value"] > 0
        assert all(part["value"] for part in parts["results"])


def test_totals_need_their_metric_type(world):
    for metric in (*TOTALS, "follows_and_unfollows"):
        reply = ask(world, metric)
        if metric == "reach":
            assert reply.status_code == 200
        else:
            assert world.error(reply) == (100, None)
            words = f"({metric}) should be specified with parameter metric_type=total_value"
            assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize("metric", ["reach", "follower_count"])
def test_days_of_a_series_end_at_midnight_in_california(world, metric):
    (row,) = rows(ask(world, metric, **WEEK))
    ends = [value["end_time"] for value in row["values"]]
    # the clocks go back on 1 November
    summer = [f"2026-10-{day}T07:00:00+0000" for day in (30, 31)] + ["2026-11-01T07:00:00+0000"]
    assert ends == summer + [f"2026-11-0{day}T08:00:00+0000" for day in (2, 3, 4, 5)]
    assert all(isinstance(value["value"], int) for value in row["values"])
    assert row["values"][0]["value"] > 0


def test_without_a_range_it_is_the_last_day(world):
    (row,) = rows(ask(world, "reach"))
    assert [value["end_time"] for value in row["values"]] == ["2026-11-05T08:00:00+0000"]
    (plain,) = rows(ask(world, "views", metric_type="total_value"))
    day = {"since": int((NOW - timedelta(days=1)).timestamp()), "until": int(NOW.timestamp())}
    (same,) = rows(ask(world, "views", metric_type="total_value", **day))
    assert plain["total_value"] == same["total_value"]


def test_weeks_and_months_of_reach_look_back_from_every_day(world):
    day, week, month = (
        rows(ask(world, "reach", period=period))[0]["values"][0]["value"] for period in ("day", "week", "days_28")
    )
    assert day < week < month < 28 * day * 3


def test_more_than_thirty_days_are_refused(world):
    until = int(NOW.timestamp())
    assert ask(world, "reach", since=until - 30 * 86400, until=until).status_code == 200
    reply = ask(world, "reach", since=until - 30 * 86400 - 1, until=until)
    assert world.error(reply) == (100, None)
    assert "more than 30 days (2592000 s) between since and until" in reply.json()["error"]["message"]
    assert world.error(ask(world, "reach", since=until, until=until - 5)) == (100, None)
    for bad in ("yesterday", "0001-01-01", "9999-12-31", "9" * 30):
        assert world.error(ask(world, "reach", until=bad)) == (100, None)


def test_nothing_is_counted_before_it_happens(world):
    future = {"since": int(NOW.timestamp()) + 86400, "until": int(NOW.timestamp()) + 3 * 86400}
    assert rows(ask(world, "reach", **future))[0]["values"] == []
    assert rows(ask(world, "views", metric_type="total_value", **future))[0]["total_value"] == {"value": 0}
    before = rows(ask(world, "views", metric_type="total_value", since=WEEK["since"]))[0]["total_value"]["value"]
    world.advance(hours=6)
    after = rows(ask(world, "views", metric_type="total_value", since=WEEK["since"]))[0]["total_value"]["value"]
    assert after > before


def test_links_lead_to_the_range_before_and_the_range_after(world):
    body = ask(world, "views", metric_type="total_value", **WEEK).json()
    length = WEEK["until"] - WEEK["since"]
    for name, since in (("previous", WEEK["since"] - length), ("next", WEEK["until"])):
        query = parse_qs(urlsplit(body["paging"][name]).query)
        assert query["since"] == [str(since)]
        assert query["until"] == [str(since + length)]
        assert query["metric"] == ["views"]
    earlier = world.http.get(body["paging"]["previous"], timeout=10).json()
    again = world.http.get(earlier["paging"]["next"], timeout=10).json()
    assert again["data"] == body["data"] != earlier["data"]


def test_follower_count_is_empty_as_a_total_and_late_by_hours(world):
    assert rows(ask(world, "follower_count", metric_type="total_value")) == []
    world.control("POST", "clock", {"now": "2026-11-05T10:00:00Z"})
    (late,) = rows(ask(world, "follower_count"))
    assert late["values"] == []
    world.advance(hours=5)
    (known,) = rows(ask(world, "follower_count"))
    assert [value["end_time"] for value in known["values"]] == ["2026-11-05T08:00:00+0000"]


def test_follows_and_unfollows_have_values_by_follow_type_only(world):
    (skeleton,) = rows(ask(world, "follows_and_unfollows", metric_type="total_value", **WEEK))
    assert skeleton["total_value"] == {}
    (row,) = rows(ask(world, "follows_and_unfollows", metric_type="total_value", breakdown="follow_type", **WEEK))
    (split,) = row["total_value"]["breakdowns"]
    assert [part["dimension_values"] for part in split["results"]] == [["FOLLOWER"], ["NON_FOLLOWER"]]


def test_too_small_an_audience_leaves_the_metric_out(world):
    followers = world.get(world.account(SMALL), "me", fields="followers_count").json()["followers_count"]
    assert followers < 100
    for metric, params in {
        "follower_count": {},
        "online_followers": {"period": "lifetime"},
        "follows_and_unfollows": {"metric_type": "total_value", "breakdown": "follow_type"},
        "follower_demographics": {"metric_type": "total_value", "period": "lifetime", "breakdown": "age"},
    }.items():
        assert rows(ask(world, metric, SMALL, **params)) == []
        assert len(rows(ask(world, metric, **params))) == 1
    assert [row["name"] for row in rows(ask(world, "follower_count,reach", SMALL))] == ["reach"]


def demographics(world, metric: str, breakdown: str, **params) -> dict:
    reply = ask(world, metric, period="lifetime", metric_type="total_value", breakdown=breakdown, **params)
    (row,) = rows(reply)
    assert "paging" not in reply.json()
    (split,) = row["total_value"]["breakdowns"]
    return split


@pytest.mark.parametrize("breakdown", ["country", "city"])
def test_demographics_have_at_most_45_rows_from_the_greatest_down(world, breakdown):
    split = demographics(world, "follower_demographics", breakdown)
    numbers = [row["value"] for row in split["results"]]
    assert split["dimension_keys"] == [breakdown]
    assert len(numbers) == 45
    assert numbers == sorted(numbers, reverse=True)
    assert all(len(row["dimension_values"]) == 1 for row in split["results"])


def test_demographics_by_age_and_gender_have_both_in_every_row(world):
    split = demographics(world, "follower_demographics", "age,gender")
    assert split["dimension_keys"] == ["age", "gender"]
    assert all(len(row["dimension_values"]) == 2 for row in split["results"])
    followers = world.get(world.account(0), world.account(0)["ig_user_id"], fields="followers_count").json()
    assert sum(row["value"] for row in split["results"]) == followers["followers_count"]


def test_the_engaged_have_their_timeframe_as_a_dimension(world):
    world.control("POST", "clock", {"now": "2026-11-14T20:00:00Z"})
    week, month = (
        demographics(world, "engaged_audience_demographics", "country", timeframe=timeframe)
        for timeframe in ("this_week", "this_month")
    )
    assert week["dimension_keys"] == ["timeframe", "country"]
    assert {row["dimension_values"][0] for row in week["results"]} == {"THIS_WEEK"}
    assert month["results"][0]["value"] > week["results"][0]["value"]
    world.control("POST", "clock", {"now": "2026-11-09T09:00:00Z"})  # Monday, an hour after midnight in California
    params = {"period": "lifetime", "metric_type": "total_value", "breakdown": "country", "timeframe": "this_week"}
    assert rows(ask(world, "engaged_audience_demographics", **params)) == []


def test_online_followers_are_an_object_of_hours_and_empty_for_two_days(world):
    (row,) = rows(ask(world, "online_followers", period="lifetime", **WEEK))
    sizes = [len(value["value"]) for value in row["values"]]
    assert sizes == [24, 24, 24, 24, 24, 0, 0]
    assert row["values"][0]["value"].keys() == {str(hour) for hour in range(24)}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"metric": ""}, "metric is required"),
        ({"metric": "reach,nonsense"}, "metric[1] must be one of the following values"),
        ({"metric": "impressions"}, "metric[0] must be one of the following values"),
        ({"metric": "reach", "period": ""}, "period is required"),
        ({"metric": "views", "period": "week"}, "period (week)"),
        ({"metric": "follower_demographics", "period": "day"}, "period (day)"),
        ({"metric": "views", "metric_type": "total_value", "breakdown": "age"}, "Incompatible breakdowns (age)"),
        ({"metric": "reach", "breakdown": "follow_type"}, "Incompatible breakdowns (follow_type)"),
        ({"metric": "follower_demographics", "period": "lifetime", "metric_type": "total_value"}, "breakdown"),
        (
            {
                "metric": "engaged_audience_demographics",
                "period": "lifetime",
                "metric_type": "total_value",
                "breakdown": "age",
                "timeframe": "last_30_days",
            },
            "timeframe must be one of the following values: this_week, this_month",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(world, params, words):
    reply = ask(world, **params)
    assert world.error(reply) == (100, None)
    assert words in reply.json()["error"]["message"]


def test_account_insights_need_their_permission_and_are_logged_by_their_name(world):
    assert world.error(ask(world, "reach", 6)) == (10, None)
    world.control("DELETE", "log")
    ask(world, "reach")
    assert [call["endpoint"] for call in world.control("GET", "log").json()["calls"]] == ["account_insights"]
