"""The trouble of a soak: what is promised of every schedule, whatever its seed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from soaking.schedule import DAY, HOUR, MINUTE, OUTAGE, TICK, Account, Schedule, Spell, schedule

from storykeep.causes import Cause
from storykeep.sandbox.faults import Fault

START = datetime(2026, 11, 5, 20, tzinfo=UTC)
ACCOUNTS = [Account(str(number), ("facebook", "instagram")[number % 2]) for number in range(1000)]
SEEDS = range(5)


def of(seed: int = 1, days: int = 7, accounts: int = 1000) -> Schedule:
    return schedule(seed, START, days * DAY, ACCOUNTS[:accounts], shards=2)


def of_everybody(plan: Schedule) -> list[Spell]:
    return [spell for spell in plan.spells if spell.ig_user_id is None]


def test_the_same_arguments_make_the_same_schedule_and_another_seed_another() -> None:
    assert of() == of()
    assert of(seed=2) != of()


@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_trouble_comes(seed: int, days: int) -> None:
    plan = of(seed, days, accounts=50)
    kinds = Counter(spell.kind for spell in plan.spells)
    assert kinds == {
        **dict.fromkeys(("flaky hour", "empty lists", "nothing is there", "media outage"), days),
        **{"5xx burst": 2 * days, "app throttled": (days + 1) // 2, "API outage": 1, "our outage": 1},
        **{"account throttled": 2 * days, "token death": days, "permission withdrawn": days},
    }
    assert {kill.again for kill in plan.kills.values()} == {True, False}
    assert {kill.shard for kill in plan.kills.values()} == set(plan.twice.values()) == {0, 1}


@pytest.mark.parametrize("seed", SEEDS)
def test_two_troubles_of_everybody_never_meet(seed: int) -> None:
    for one, other in pairwise(of_everybody(of(seed))):
        assert one.until is not None
        assert one.until <= other.since


@pytest.mark.parametrize("seed", SEEDS)
def test_our_outage_has_no_ticks_and_nothing_to_kill(seed: int) -> None:
    plan = of(seed)
    [outage] = [spell for spell in plan.spells if spell.kind == "our outage"]
    assert (outage.until or START) - outage.since == OUTAGE
    assert outage.causes == {Cause.OUR_OUTAGE}
    out = [at for at in (START + tick * TICK for tick in range(7 * 288)) if plan.is_out(at)]
    assert (out[0], len(out)) == (outage.since, OUTAGE // TICK)
    assert not {*plan.kills, *plan.twice} & set(out)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_ticks_in_a_row_one_is_not_killed(seed: int) -> None:
    kills = sorted(of(seed).kills)
    assert len(kills) > 50
    assert all(later - earlier > TICK for earlier, later in pairwise(kills))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_account_loses_its_grant_once_and_comes_back_after_that(seed: int) -> None:
    plan = of(seed)
    lost = {spell.ig_user_id: spell for spell in plan.spells if spell.grant is not None}
    moments = plan.moments()
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert len([moment for moment in moments if moment.loses]) == len(lost)
    back = [moment for moment in moments if not moment.loses]
    assert 0 < len(back) < len(lost)
    assert all(moment.at > lost[moment.ig_user_id].since for moment in back)


def test_the_sandbox_understands_every_fault_and_it_strikes_within_its_spell() -> None:
    for spell in of().spells:
        for told in spell.faults:
            fault = Fault.read(told)
            assert fault.since == spell.since
            assert fault.until is not None
            assert fault.until <= (spell.until or fault.until)
            assert fault.ig_user_id == spell.ig_user_id


def test_the_faults_of_a_moment_are_those_of_the_spells_around_it() -> None:
    plan = of()
    burst = next(spell for spell in plan.spells if spell.kind == "5xx burst")
    assert {*map(repr, burst.faults)} <= {*map(repr, plan.faults(burst.since))}
    assert not {*map(repr, burst.faults)} & {*map(repr, plan.faults(burst.since - MINUTE))}
    assert not {*map(repr, burst.faults)} & {*map(repr, plan.faults((burst.until or START) + HOUR))}
    assert timedelta(0) < (burst.until or START) - burst.since < HOUR
