"""When many accounts' stories seem to be gone at once, the platform is at fault and not the accounts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.capture.asks import AskKey
from storykeep.capture.incidents import Evidence, Watch, disbelieved, is_incident, of_listings, of_readings
from storykeep.capture.known import Known
from storykeep.graph.client import Answer
from storykeep.graph.errors import ThrottledError, WithheldError

from .answers import gone, listing, reading

NODE = {"id": "1"}
RUNNING = Known(shown=frozenset({"1"}), read=frozenset({"1"}))


def evidence(telling: int, contradicting: int, first: int = 0) -> Evidence:
    accounts = [str(number) for number in range(first, first + telling)]
    return Evidence(frozenset(accounts), frozenset(accounts[:contradicting]))


def verdict(answers: list[Answer], known: dict[str, Known]) -> set[str]:
    """The accounts whose listings are not believed."""
    found = of_listings(answers, known)
    return {key.account_id for key in disbelieved(answers, found)} if Watch().judge(found) else set()


@pytest.mark.parametrize(
    ("telling", "contradicting", "expected"),
    [
        (1, 1, False),
        (2, 2, False),
        (3, 3, True),
        (12, 3, True),
        (13, 3, False),
        (50, 12, False),
        (50, 13, True),
        (50, 0, False),
    ],
)
def test_three_accounts_and_a_quarter_of_them_make_an_incident(
    telling: int, contradicting: int, expected: bool
) -> None:
    assert is_incident(evidence(telling, contradicting)) is expected


def test_chunks_of_a_few_accounts_are_judged_together_with_those_before() -> None:
    watch = Watch()
    assert [watch.judge(evidence(2, 1, first)) for first in (0, 10, 20)] == [False, False, True]


def test_an_incident_that_begins_within_a_large_tick_is_seen() -> None:
    watch = Watch()
    healthy = [watch.judge(evidence(50, 0, 100 * number)) for number in range(9)]
    assert (any(healthy), watch.judge(evidence(50, 20, 5_000))) == (False, True)


def test_a_chunk_in_which_nothing_is_odd_is_no_part_of_an_incident() -> None:
    watch = Watch()
    assert watch.judge(evidence(4, 4))
    assert not watch.judge(evidence(1, 0, 10))


def test_one_account_that_is_gone_or_empty_is_believed() -> None:
    fine = [listing(name, data=[NODE]) for name in "bcdef"]
    known = dict.fromkeys("abcdef", RUNNING)
    assert verdict([listing("a", error=gone()), *fine], known) == set()
    assert verdict([listing("a"), *fine], known) == set()


def test_lost_accounts_are_no_incident_where_the_others_are_merely_quiet() -> None:
    quiet = [listing(name) for name in "defghijk"]
    lost = [listing(name, error=gone()) for name in "abc"]
    assert verdict([*lost, *quiet], dict.fromkeys("defghijk", Known())) == set()
    assert verdict(lost, {}) == set("abc")


def test_many_that_are_gone_are_not_believed_and_the_others_are() -> None:
    answers = [*(listing(name, error=gone()) for name in "abc"), listing("d", data=[NODE]), listing("e")]
    assert verdict(answers, dict.fromkeys("abcde", Known())) == set("abc")


def test_among_many_empty_lists_none_proves_anything() -> None:
    """Also that of an account without a story that is known to run: it may have posted one since."""
    answers = [*(listing(name) for name in "abcd"), listing("e", data=[NODE])]
    assert verdict(answers, dict.fromkeys("abce", RUNNING) | {"d": Known()}) == set("abcd")


def test_empty_lists_of_accounts_without_stories_are_the_rule_at_night() -> None:
    assert verdict([listing(name) for name in "abcdef"], dict.fromkeys("abcdef", Known())) == set()


def test_accounts_that_are_gone_for_longer_than_a_day_make_no_incident_of_a_sound_platform() -> None:
    lost = [listing(name, error=gone()) for name in "abc"]
    assert verdict([*lost, listing("d", data=[NODE])], {"d": RUNNING}) == set()
    assert verdict(lost, {}) == set("abc")  # nobody is left who says that the platform is sound


def test_other_errors_and_later_pages_tell_nothing() -> None:
    throttled = ThrottledError("too many calls", scope="account")
    assert of_listings([listing("a", error=throttled)], {"a": RUNNING}) == evidence(0, 0)
    end = listing("a")
    later = replace(end, ask=replace(end.ask, params={**end.ask.params, "after": "cursor"}))
    assert of_listings([later], {"a": RUNNING}).contradicting == frozenset()


def test_readings_are_held_against_the_stories_that_were_shown_and_read() -> None:
    known = {"a": Known(frozenset({"1", "2"}), frozenset({"1"})), "b": Known()}
    answers = [
        reading("a", "2"),  # not read before, so that it may well have no numbers yet
        reading("b", "7", error=gone()),  # its creator took it down
        reading("c", "8", error=WithheldError("few viewers")),
        reading("d", "9", data=[{"name": "views"}]),
    ]
    assert of_readings(answers, known) == Evidence(frozenset("cd"), frozenset())
    for odd in (reading("a", "1"), reading("a", "2", error=gone())):
        assert of_readings([*answers, odd], known).contradicting == {"a"}


def test_of_readings_all_that_is_gone_is_disbelieved_by_ask() -> None:
    answers = [*(reading(name, name, error=gone()) for name in "123"), reading("1", "9", data=[{}])]
    found = of_readings(answers, {name: Known(frozenset({name})) for name in "123"})
    assert Watch().judge(found)
    assert disbelieved(answers, found) == {AskKey(name, name, "core") for name in "123"}


@given(st.lists(st.sampled_from(["fine", "gone", "empty"]), max_size=60), st.integers(0, 60))
def test_what_was_read_well_is_always_believed(kinds: list[str], known_up_to: int) -> None:
    made = {"fine": {"data": [NODE]}, "gone": {"error": gone()}, "empty": {}}
    answers = [listing(str(number), **made[kind]) for number, kind in enumerate(kinds)]
    known = {str(number): RUNNING for number in range(known_up_to)}
    lost = verdict(answers, known)
    assert not lost & {str(number) for number, kind in enumerate(kinds) if kind == "fine"}
    assert not lost or len(lost) >= 3
