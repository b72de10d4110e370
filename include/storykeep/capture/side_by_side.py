"""Does work that waits for the network several at a time, while what comes of it is landed by one thread."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], queue: deque[Item], at_once: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Do `work` on what is in the queue, `at_once` at a time in threads, and yield each item once it is done.

    The caller may put more into the queue, or empty it, between two results. Results are yielded in the caller's
    thread; when the caller stops early, what is under way is waited for and nothing more is begun.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="side-by-side") as threads:
        under_way: dict[Future[Result], Item] = {}
        while queue or under_way:
            while queue and len(under_way) < at_once:
                item = queue.popleft()
                under_way[threads.submit(work, item)] = item
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            future = done.pop()
            yield under_way.pop(future), future
