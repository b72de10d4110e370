from datetime import UTC, datetime, timedelta

import pytest

from storykeep.errors import StorykeepError
from storykeep.sandbox.errors import ApiError
from storykeep.sandbox.faults import Fault, Faults, spoil

NOW = datetime(2026, 11, 5, 20, tzinfo=UTC)


def strikes(faults: Faults, times: int = 1000, account: str = "a") -> list[bool]:
    return [faults.strike("stories", account, NOW) is not None for _ in range(times)]


def armed(*items: dict[str, object], seed: int = 1) -> Faults:
    faults = Faults(seed)
    faults.replace([Fault.read(item) for item in items])
    return faults


def test_a_rate_strikes_its_share_of_calls_the_same_every_time():
    fault = {"kind": "http_500", "rate": 0.3}
    first = strikes(armed(fault))
    assert 250 < sum(first) < 350
    assert strikes(armed(fault)) == first
    assert strikes(armed(fault, seed=2)) != first


def test_other_accounts_do_not_change_which_calls_are_struck():
    fault = {"kind": "http_500", "rate": 0.5}
    alone, mixed = armed(fault), armed(fault)
    woven = []
    for _ in range(100):
        mixed.strike("stories", "b", NOW)
        woven += strikes(mixed, 1)
    assert woven == strikes(alone, 100)


def test_scope_and_times():
    faults = armed({"kind": "cut", "ig_user_id": "a", "endpoint": "stories", "times": 2})
    assert faults.strike("insights", "a", NOW) is None
    assert faults.strike("stories", "b", NOW) is None
    assert strikes(faults, 4) == [True, True, False, False]
    assert faults.report()[0]["struck"] == 2


def test_a_fault_keeps_to_its_hours():
    faults = armed({"kind": "http_500", "since": "2026-11-05T20:00:00Z", "until": "2026-11-05T21:00:00Z"})
    hours = (-1, 0, 0.9, 1, 2)
    struck = [faults.strike("stories", "a", NOW + timedelta(hours=hour)) is not None for hour in hours]
    assert struck == [False, True, True, False, False]
    assert faults.report()[0]["until"] == "2026-11-05 21:00:00+00:00"


def test_error_kinds_carry_code_and_subcode():
    with pytest.raises(ApiError) as error:
        spoil(Fault.read({"kind": "error_190_460"}))
    assert (error.value.status, error.value.code, error.value.subcode) == (400, 190, 460)


@pytest.mark.parametrize(
    "bad",
    [
        "http_500",
        {},
        {"kind": "meteor"},
        {"kind": "cut", "who": "a"},
        {"kind": "cut", "rate": "often"},
        {"kind": "cut", "since": "soon"},
    ],
)
def test_what_is_not_a_fault_is_refused(bad):
    with pytest.raises(StorykeepError):
        Fault.read(bad)
