import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from storykeep.sandbox import switches
from storykeep.sandbox.usage import RollingCount, Usage
from storykeep.sandbox.world.accounts import World

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_counts_the_last_hours_only():
    calls = RollingCount(hours=24)
    assert [calls.add(NOW), calls.add(NOW + timedelta(hours=23)), calls.add(NOW + timedelta(hours=24))] == [1, 2, 2]


def test_a_clock_set_back_begins_anew():
    calls = RollingCount(hours=1)
    calls.add(NOW)
    assert calls.add(NOW - timedelta(hours=5)) == 1
    assert calls.add(NOW) == 1


def test_a_pool_is_told_in_whole_percentages_of_4800_calls_an_impression():
    world = World(accounts=1, seed=1, start=NOW)
    usage, account = Usage(world), replace(world.account(0), audience=20.0)
    for _ in range(4800 * 20 // 50):
        name, value = usage.pool_header(account, NOW)
    assert name == "X-Business-Use-Case-Usage"
    pool = {"type": "instagram", "call_count": 2, "total_cputime": 0, "total_time": 1}
    told = json.loads(value)
    assert len(told) == 2, "under the business and under the account"
    assert told[account.ig_user_id] == [{**pool, "estimated_time_to_regain_access": 0}]
    assert all(rows == told[account.ig_user_id] for rows in told.values())


def test_two_accounts_are_of_two_businesses():
    world = World(accounts=2, seed=1, start=NOW)
    told = [json.loads(Usage(world).pool_header(world.account(number), NOW)[1]) for number in (0, 1)]
    assert not told[0].keys() & told[1].keys()


def test_a_quiet_account_has_the_least_impressions_that_the_switch_says(monkeypatch):
    world = World(accounts=1, seed=1, start=NOW)
    account = replace(world.account(0), audience=0.0)

    def percent(calls: int) -> int:
        usage = Usage(world)
        for _ in range(calls):
            _, value = usage.pool_header(account, NOW)
        return json.loads(value)[account.ig_user_id][0]["call_count"]

    assert percent(480) == 1
    monkeypatch.setattr(switches, "LEAST_IMPRESSIONS", 1)
    assert percent(480) == 10
    monkeypatch.setattr(switches, "LEAST_IMPRESSIONS", 0)
    assert percent(1) >= 100


def test_a_blocked_pool_is_full_and_names_the_minutes():
    world = World(accounts=1, seed=1, start=NOW)
    _, value = Usage(world).pool_header(world.account(0), NOW, blocked_minutes=7)
    (pool,) = json.loads(value)[world.account(0).ig_user_id]
    assert (pool["call_count"], pool["estimated_time_to_regain_access"]) == (100, 7)


def test_a_blocked_pool_is_full_even_if_it_names_no_wait():
    world = World(accounts=1, seed=1, start=NOW)
    _, value = Usage(world).pool_header(world.account(0), NOW, blocked_minutes=0)
    (pool,) = json.loads(value)[world.account(0).ig_user_id]
    assert (pool["call_count"], pool["estimated_time_to_regain_access"]) == (100, 0)


def test_the_app_may_make_200_calls_an_hour_for_each_account():
    usage = Usage(World(accounts=3, seed=1, start=NOW))
    for _ in range(60):
        name, value = usage.app_header(NOW, counts=True)
    assert (name, json.loads(value)) == ("X-App-Usage", {"call_count": 10, "total_cputime": 3, "total_time": 5})
    assert json.loads(usage.app_header(NOW, counts=False)[1])["call_count"] == 10
    assert json.loads(usage.app_header(NOW, counts=False, blocked=True)[1])["call_count"] == 100
