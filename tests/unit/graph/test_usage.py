"""The usage headers."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from storykeep.graph.usage import Pool, Usage, parse_usage


def test_both_headers_are_read() -> None:
    business = {
        "645": [{"type": "instagram", "call_count": 17, "total_cputime": 4, "estimated_time_to_regain_access": 0}],
        "1784": [
            {"type": "instagram", "call_count": 3, "total_time": 95, "estimated_time_to_regain_access": 7},
            {"type": "pages", "call_count": 1, "estimated_time_to_regain_access": 12},
        ],
    }
    usage = parse_usage(
        {
            "x-app-usage": '{"call_count":12,"total_time":30,"total_cputime":2}',
            "x-business-use-case-usage": json.dumps(business),
        }
    )
    assert usage == Usage(app=Pool(30), pools={"645": Pool(17, 0), "1784": Pool(95, 12)})
    assert usage.percent == 95
    assert usage.wait == timedelta(minutes=12)


def test_a_missing_header_is_unknown_and_not_zero() -> None:
    assert parse_usage({}) is None


def test_no_estimate_is_no_wait() -> None:
    usage = parse_usage({"x-app-usage": '{"call_count":100}'})
    assert usage is not None
    assert (usage.percent, usage.wait) == (100, None)


def test_a_pool_is_full_from_a_hundred_percent_on() -> None:
    assert [Pool(percent).is_full for percent in (99, 100, 101)] == [False, True, True]
    assert Pool(100, 7).wait == timedelta(minutes=7)
    assert Pool(100, 0).wait is None


def test_nonsense_blocks_nobody() -> None:
    assert (
        parse_usage({"x-app-usage": "<html>", "x-business-use-case-usage": '{"1": "x", "2": [3], "4": [{}]}'}) is None
    )
    usage = parse_usage({"x-app-usage": '{"call_count": 1e300, "total_time": -5, "total_cputime": "9"}'})
    assert usage == Usage(app=Pool(0))


@given(st.text(), st.dictionaries(st.text(), st.text() | st.lists(st.dictionaries(st.text(), st.floats()))))
def test_any_header_is_survived(app: str, business: object) -> None:
    parse_usage({"x-app-usage": app, "x-business-use-case-usage": json.dumps(business)})
