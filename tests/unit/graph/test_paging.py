"""From page to page."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from storykeep.graph.asks import Answer, Ask, answer_of
from storykeep.graph.endpoints import profile, stories, tags
from storykeep.graph.errors import GoneError, UnreadableError
from storykeep.graph.paging import MAX_PAGES, has_more, next_page, smaller, walk
from storykeep.graph.replies import Result

NEXT = "https://graph.facebook.com/v26.0/1/stories?access_token=EAAcanary&after=c1&limit=100"


def first() -> Ask:
    return stories("1", SecretStr("EAAcanary"), key="k")


def tagged() -> Ask:
    return tags("1", SecretStr("EAAcanary"), key="k")


def page(after: str | None = "c1", rows: int = 1, next_url: str | None = NEXT) -> dict[str, Any]:
    paging: dict[str, Any] = {"cursors": {"before": "b"} | ({"after": after} if after else {})}
    return {"data": [{"id": str(n)} for n in range(rows)], "paging": paging | ({"next": next_url} if next_url else {})}


def test_the_next_page_is_the_same_ask_further_on() -> None:
    following = next_page(first(), page())
    assert following is not None
    assert following.params == {**first().params, "after": "c1"}
    assert (following.path, following.key, following.pool) == ("1/stories", "k", "1")


def test_the_last_page_has_a_cursor_but_no_next() -> None:
    assert next_page(first(), page(next_url=None)) is None
    assert not has_more(page(next_url=None))


def test_an_empty_page_ends_the_list() -> None:
    assert next_page(first(), page(rows=0)) is None


def test_the_cursor_may_stand_in_the_link_alone() -> None:
    following = next_page(first(), page(after=None))
    assert following is not None
    assert following.params["after"] == "c1"


def test_a_link_without_a_cursor_cuts_the_list_short() -> None:
    broken = page(after=None, next_url="https://[broken")
    assert next_page(first(), broken) is None
    assert has_more(broken)


@pytest.mark.parametrize("after", ["\ud800", "a\r\nb", "\x00"])
def test_a_cursor_that_cannot_be_sent_cuts_the_list_short(after: str) -> None:
    for ask in (first(), tagged()):
        assert next_page(ask, page(after)) is None
        assert has_more(page(after, next_url=None), by_hand=True)


def test_a_cursor_that_comes_round_again_ends_the_walk() -> None:
    second = next_page(first(), page("c1"))
    assert second is not None
    third = next_page(second, page("c2"))
    assert third is not None
    assert next_page(third, page("c1")) is None
    assert has_more(page("c1"))


def test_a_walk_that_began_in_the_middle_also_knows_its_first_cursor() -> None:
    begun = replace(first(), params={**first().params, "after": "c1"})
    assert next_page(begun, page("c1")) is None


def test_pages_are_bounded() -> None:
    ask: Ask | None = first()
    pages = 0
    while ask is not None and pages < 2 * MAX_PAGES:
        pages += 1
        ask = next_page(ask, page(f"c{pages}"))
    assert pages == MAX_PAGES


def test_a_list_paged_by_hand_goes_on_as_long_as_there_is_a_cursor() -> None:
    unlinked = page("c1", next_url=None)
    following = next_page(tagged(), unlinked)
    assert following is not None
    assert (following.params["after"], following.by_hand) == ("c1", True)
    assert has_more(unlinked, by_hand=True)


@pytest.mark.parametrize("last", [page(after=None, next_url=None), page("c1", rows=0, next_url=None), {"data": [1]}])
def test_a_list_paged_by_hand_ends_without_a_cursor_or_without_rows(last: Any) -> None:
    assert next_page(tagged(), last) is None
    assert not has_more(last, by_hand=True)


def test_a_list_paged_by_hand_ends_when_its_cursor_comes_round_again() -> None:
    second = next_page(tagged(), page("c1", next_url=None))
    assert second is not None
    assert next_page(second, page("c1", next_url=None)) is None


def test_a_page_that_is_too_much_is_asked_again_with_fewer_rows_but_once() -> None:
    second = next_page(first(), page("c1"))
    assert second is not None
    fewer = smaller(second)
    assert fewer == replace(second, params={**second.params, "limit": "25"})
    assert smaller(fewer) is None
    third = next_page(fewer, page("c2"))
    assert third is not None
    assert (third.params["limit"], third.params["after"]) == ("25", "c2")


def test_what_is_no_list_cannot_be_asked_with_fewer_rows() -> None:
    assert smaller(profile("1", SecretStr("t"), "facebook", key="k")) is None


def split(items: list[int], sizes: list[int]) -> list[list[int]]:
    """The items in pages of the given sizes; the last page takes the rest."""
    pages, rest = [], items
    for size in sizes:
        pages.append(rest[:size])
        rest = rest[size:]
    return [page for page in [*pages, rest] if page] or [[]]


@given(st.lists(st.integers(), max_size=60), st.lists(st.integers(1, 7), max_size=60), st.booleans(), st.booleans())
def test_any_split_into_pages_gives_the_same_list(
    items: list[int], sizes: list[int], by_hand: bool, cursor_on_last: bool
) -> None:
    pages = split(items, sizes)

    def get(ask: Ask) -> Answer:
        at = int(ask.params.get("after", "0"))
        last = at >= len(pages) - 1
        paging: dict[str, Any] = {} if last or by_hand else {"next": NEXT}
        if not last or cursor_on_last:
            paging["cursors"] = {"after": str(at + 1)}
        return answer_of(ask, Result(body={"data": pages[at] if at < len(pages) else [], "paging": paging}))

    assert walk(get, tagged() if by_hand else first()) == items


def test_a_walk_that_is_cut_short_is_no_list() -> None:
    with pytest.raises(UnreadableError, match="lead nowhere new"):
        walk(lambda ask: answer_of(ask, Result(body=page("c1"))), first())
    with pytest.raises(UnreadableError, match="lead nowhere new"):
        walk(lambda ask: answer_of(ask, Result(body=page("c1", next_url=None))), tagged())


def test_a_page_that_fails_fails_the_walk() -> None:
    def get(ask: Ask) -> Answer:
        failed = "after" in ask.params
        return answer_of(ask, Result(error=GoneError("m")) if failed else Result(body=page()))

    with pytest.raises(GoneError):
        walk(get, first())


@pytest.mark.parametrize("body", [{}, {"data": {}}, {"data": None}])
def test_a_page_without_rows_is_no_page(body: Any) -> None:
    with pytest.raises(UnreadableError, match="no list"):
        walk(lambda ask: answer_of(ask, Result(body=body)), first())


@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_body_is_survived(value: object) -> None:
    for body in (value, {"data": [1], "paging": value}, {"data": [1], "paging": {"next": "x", "cursors": value}}):
        next_page(first(), body)
        next_page(tagged(), body)
