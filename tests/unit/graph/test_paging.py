"""From page to page."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from storykeep.graph.asks import Ask
from storykeep.graph.endpoints import next_page, stories
from storykeep.graph.paging import MAX_PAGES, has_more

NEXT = "https://graph.facebook.com/v26.0/1/stories?access_token=EAAcanary&after=c1&limit=100"


def first() -> Ask:
    return stories("1", SecretStr("EAAcanary"), key="k")


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


def test_a_cursor_that_comes_round_again_ends_the_walk() -> None:
    second = next_page(first(), page("c1"))
    assert second is not None
    third = next_page(second, page("c2"))
    assert third is not None
    assert next_page(third, page("c1")) is None
    assert has_more(page("c1"))


def test_a_walk_that_began_in_the_middle_also_knows_its_first_cursor() -> None:
    assert next_page(stories("1", SecretStr("t"), key="k", after="c1"), page("c1")) is None


def test_pages_are_bounded() -> None:
    ask: Ask | None = first()
    pages = 0
    while ask is not None and pages < 2 * MAX_PAGES:
        pages += 1
        ask = next_page(ask, page(f"c{pages}"))
    assert pages == MAX_PAGES


@given(st.lists(st.integers(), max_size=60), st.lists(st.integers(1, 7), min_size=60, max_size=60))
def test_any_split_into_pages_gives_the_same_list(items: list[int], sizes: list[int]) -> None:
    pages, rest = [], items
    for size in sizes:
        pages.append(rest[:size])
        rest = rest[size:]
        if not rest:
            break
    got: list[int] = []
    ask: Ask | None = first()
    while ask is not None:
        at = int(ask.params.get("after", "0"))
        last = at == len(pages) - 1
        body = {"data": pages[at], "paging": {"cursors": {"after": str(at + 1)}} | ({} if last else {"next": NEXT})}
        got += body["data"]
        ask = next_page(ask, body)
    assert got == items


@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_body_is_survived(value: object) -> None:
    for body in (value, {"data": [1], "paging": value}, {"data": [1], "paging": {"next": "x", "cursors": value}}):
        next_page(first(), body)
