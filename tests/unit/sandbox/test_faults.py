import math
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


@pytest.mark.parametrize("kind", ["error_10", "error_803", "error_77"])
def test_words_and_status_of_an_error_can_be_set(kind):
    with pytest.raises(ApiError) as error:
        spoil(Fault.read({"kind": kind, "message": "Not today", "status": 418}))
    assert (error.value.status, error.value.message) == (418, "Not today")


def test_an_error_that_nothing_leads_to_has_words_of_its_own_or_says_so():
    for kind, words in {
        "error_613": "exceeded the rate limit",
        "error_1_99": "reduce",
        "error_77": "asked for",
    }.items():
        with pytest.raises(ApiError) as error:
            spoil(Fault.read({"kind": kind}))
        assert words in error.value.message


def test_whatever_is_taken_as_a_fault_can_strike():
    armed({"kind": "slow", "rate": 1, "times": 0, "since": None, "seconds": 0.5, "endpoint": None, "status": None})
    edge = {"kind": "body", "status": 599, "body": "\u00e9\r\n", "content_type": "text/plain", "minutes": 0}
    assert strikes(armed({**edge, "rate": 0, "endpoint": "ids"}), 3) == [False] * 3
    for endpoint in ("batch", "cdn", "ids", "stories", "unknown"):
        assert armed({**edge, "endpoint": endpoint}).strike(endpoint, None, NOW) is not None


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", 5),
        ("kind", ["cut"]),
        ("ig_user_id", 17),
        ("ig_user_id", "\ud800"),
        ("endpoint", "story"),
        ("endpoint", ["stories"]),
        ("rate", math.nan),
        ("rate", 1.01),
        ("rate", True),
        ("rate", None),
        ("times", True),
        ("times", 1.5),
        ("since", 0),
        ("since", ""),
        ("until", False),
        ("seconds", math.inf),
        ("seconds", -1),
        ("minutes", 2.5),
        ("minutes", None),
        ("status", 999),
        ("status", 200.5),
        ("status", 100),
        ("status", 204),
        ("message", 5),
        ("body", None),
        ("body", "\ud800"),
        ("content_type", "text/plain\r\nX: y"),
    ],
)
def test_each_part_of_a_fault_is_checked_by_type_and_range(name, value):
    with pytest.raises(StorykeepError) as refused:
        Fault.read({"kind": "cut", name: value})
    assert name in str(refused.value) or "is not a time" in str(refused.value)


def test_an_endpoint_that_is_none_is_answered_with_those_that_are():
    with pytest.raises(StorykeepError, match=r"batch, cdn, .*insights.*stories"):
        Fault.read({"kind": "cut", "endpoint": "story"})
