"""Single values out of replies that may hold anything."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storykeep.graph import values

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["data", "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(anything)
@example("²")
@example(2**63)
@example("99999999999999999999")
@example(["a", 5, None])
def test_no_value_is_too_odd_to_be_read(value: Any) -> None:
    for reader in (values.text, values.texts, values.text_id, values.token_of, values.count, values.unix_time):
        reader(value)
    values.unwrap({"data": value})
    values.unwrap({"data": [value]})


@given(st.integers(0, 2**32 - 1))
def test_a_count_is_the_same_written_as_a_number_or_as_text(number: int) -> None:
    assert values.count(number) == values.count(str(number)) == number


@pytest.mark.parametrize("value", [-1, 2**32, True, 1.5, "1.5", "-1", "²", "", None, [1]])
def test_what_is_no_count_is_unknown(value: Any) -> None:
    assert values.count(value) is None


@pytest.mark.parametrize(("value", "at"), [(1800400000, datetime(2027, 1, 19, 23, 6, 40, tzinfo=UTC)), (0, None)])
def test_zero_is_no_time(value: int, at: datetime | None) -> None:
    assert values.unix_time(value) == at


@pytest.mark.parametrize(
    ("value", "found"),
    [(["a", 5, " b ", "", None], ("a", "b")), ("a, b,,", ("a", "b")), ([], ()), ("", ()), (None, None), ({}, None)],
)
def test_texts_are_read_from_a_list_or_from_one_text(value: Any, found: tuple[str, ...] | None) -> None:
    assert values.texts(value) == found


@given(st.integers(0))
def test_an_id_keeps_every_digit(number: int) -> None:
    assert values.text_id(number) == values.text_id(str(number)) == str(number)


@pytest.mark.parametrize("value", [1.78414e16, True, "", "\ud800", "a\nb", "é", None, {"id": "1"}])
def test_what_cannot_stand_in_a_path_is_no_id(value: Any) -> None:
    assert values.text_id(value) is None
