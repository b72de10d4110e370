"""Work of which several wait at once, and whose results come to one thread."""

from collections import deque
from threading import Barrier, Event, current_thread

import pytest

from storykeep.capture.side_by_side import side_by_side

SECONDS = 5


def test_as_many_as_are_allowed_are_under_way_at_once() -> None:
    three = Barrier(3, timeout=SECONDS)
    found = {item: result.result() for item, result in side_by_side(lambda _: three.wait(), deque(range(6)), 3)}
    assert sorted(found) == [0, 1, 2, 3, 4, 5]


def test_never_more() -> None:
    under_way: list[int] = []
    most = 0

    def work(item: int) -> None:
        nonlocal most
        under_way.append(item)
        most = max(most, len(under_way))
        under_way.remove(item)

    assert len(list(side_by_side(work, deque(range(50)), 2))) == 50
    assert 1 <= most <= 2


def test_the_slow_one_holds_up_nobody() -> None:
    others_done = Event()

    def work(item: str) -> bool:
        return others_done.wait(SECONDS) if item == "slow" else True

    seen = []
    for item, result in side_by_side(work, deque(["slow", "a", "b", "c"]), 2):
        assert result.result()
        seen.append(item)
        if len(seen) == 3:
            others_done.set()
    assert seen == ["a", "b", "c", "slow"]


def test_results_come_to_the_thread_of_the_caller_and_work_is_done_in_others() -> None:
    me = current_thread()
    for _, result in side_by_side(lambda _: current_thread(), deque([1, 2]), 2):
        assert result.result() is not me
        assert current_thread() is me


def test_one_that_fails_costs_no_other() -> None:
    found = dict(side_by_side(lambda item: 1 // item, deque([0, 1, 2]), 2))
    assert isinstance(found[0].exception(), ZeroDivisionError)
    assert (found[1].result(), found[2].result()) == (1, 0)


def test_the_queue_may_grow_and_be_emptied_between_two_results() -> None:
    queue, done = deque([1]), []
    for item, _ in side_by_side(lambda item: item, queue, 1):
        done.append(item)
        if item < 3:
            queue.extend([item + 1, 99])
        if item == 99:
            queue.clear()
    assert done == [1, 2, 99]


def test_a_caller_that_stops_begins_nothing_more() -> None:
    begun = []
    with pytest.raises(KeyError):
        for item, _ in side_by_side(begun.append, deque(range(9)), 1):
            raise KeyError(item)
    assert begun == [0]


def test_nothing_to_do_is_nothing_done() -> None:
    assert list(side_by_side(print, deque(), 1)) == []
