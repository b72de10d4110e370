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
    assert usage == Usage(app=Pool(30), pools={"645": Pool(17, 0), "1784": Pool(95, 12)}, fullest_instagram=Pool(95, 7))
    assert usage.wait == timedelta(minutes=12)


def test_a_missing_header_is_unknown_and_not_zero() -> None:
    assert parse_usage({}) is None


def test_no_estimate_is_no_wait() -> None:
    usage = parse_usage({"x-app-usage": '{"call_count":100}'})
    assert usage is not None
    assert (usage.app, usage.wait) == (Pool(100), None)


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


def test_a_wait_beyond_a_day_is_not_believed() -> None:
    usage = parse_usage({"x-app-usage": '{"call_count": 100, "estimated_time_to_regain_access": 99999}'})
    assert usage is not None
    assert usage.wait == timedelta(hours=24)


def business(**rows: list[dict[str, object]]) -> Usage:
    usage = parse_usage({"x-business-use-case-usage": json.dumps(rows)})
    assert usage is not None
    return usage


def test_an_asker_that_the_header_does_not_name_has_the_fullest_instagram_row() -> None:
    usage = business(
        b645=[{"type": "pages", "call_count": 100}, {"type": "instagram", "call_count": 81}],
        b646=[{"type": "instagram", "total_time": 97, "estimated_time_to_regain_access": 4}],
    )
    assert usage.of("1784") == Pool(97, 4)
    assert business(b645=[{"type": "pages", "call_count": 100}]).of("1784") is None


def test_an_asker_that_the_header_names_has_its_own_row_alone() -> None:
    usage = business(b645=[{"type": "instagram", "call_count": 99}], i1784=[{"type": "instagram", "call_count": 3}])
    assert usage.of("i1784") == Pool(3)


def test_an_app_is_as_full_as_the_fullest_that_is_told() -> None:
    own, outer = Usage(app=Pool(4), pools={"1": Pool(9)}), Usage(app=Pool(88), pools={"1": Pool(100)})
    assert own.with_app_of(outer) == Usage(app=Pool(88), pools={"1": Pool(9)})
    assert own.with_app_of(Usage()) == own
    assert Usage(pools={"1": Pool(9)}).with_app_of(outer).app == Pool(88)


@given(st.text(), st.dictionaries(st.text(), st.text() | st.lists(st.dictionaries(st.text(), st.floats()))))
def test_any_header_is_survived(app: str, business: object) -> None:
    parse_usage({"x-app-usage": app, "x-business-use-case-usage": json.dumps(business)})
