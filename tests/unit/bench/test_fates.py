"""The fates of a long soak: what is promised of all, whatever their seed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from soaking.fates import ENDS, Fates, fates
from soaking.schedule import DAY, Account

from storykeep.accounts.states import Reason
from storykeep.sandbox.faults import Fault

START = datetime(2026, 11, 5, 20, tzinfo=UTC)
EVERY = timedelta(hours=6)
RUNS = [START + number * EVERY for number in range(120 * 4 + 1)]
ACCOUNTS = [Account(str(number), ("facebook", "instagram")[number % 2]) for number in range(200)]
SEEDS = range(5)


def of(seed: int = 1) -> Fates:
    return fates(seed, RUNS, ACCOUNTS)


def test_the_same_arguments_make_the_same_fates_and_another_seed_others() -> None:
    assert of() == of()
    assert of(seed=2) != of()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_end_befalls_somebody_and_nobody_twice(seed: int) -> None:
    plan = of(seed)
    assert {blow.reason for blow in plan.blows} == {*ENDS.values(), "missing_scope", "page_role_lost"}
    assert {Reason(blow.reason) for blow in plan.blows}
    assert max(Counter(blow.ig_user_id for blow in plan.blows).values()) == 1
    assert all(START < blow.at < RUNS[-1] - 10 * DAY for blow in plan.blows)
    assert [blow.at for blow in plan.blows] == sorted(blow.at for blow in plan.blows)


@pytest.mark.parametrize("seed", SEEDS)
def test_whose_renewals_fail_is_left_to_the_end_of_the_token(seed: int) -> None:
    plan = of(seed)
    assert len(plan.stuck) >= 10
    assert not plan.stuck.keys() & {blow.ig_user_id for blow in plan.blows}
    assert {plan.habits[who].heeds for who in plan.stuck} == {"end"}


@pytest.mark.parametrize("seed", SEEDS)
def test_creators_heed_a_warning_or_the_end_or_nothing(seed: int) -> None:
    habits = of(seed).habits
    assert habits.keys() == {account.ig_user_id for account in ACCOUNTS}
    assert {habit.heeds for habit in habits.values()} == {"warning", "end", "nothing"}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_api_is_never_in_trouble_twice_in_a_row_nor_at_the_end(seed: int) -> None:
    at = sorted(of(seed).troubles)
    assert len(at) >= 10
    assert all(later - earlier > EVERY for earlier, later in pairwise(at))
    assert {*at} <= {*RUNS[1:-2]}


def test_the_sandbox_understands_every_fault() -> None:
    plan = of()
    told = [*plan.stuck.values(), *(fault for blow in plan.blows for fault in blow.faults)]
    assert all(Fault.read(one).ig_user_id for one in told)
    for at, faults in plan.troubles.items():
        assert all(Fault.read(one).since == at for one in faults)
