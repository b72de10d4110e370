"""`make soak` in small: one day of 50 accounts, with all of its trouble and all of its checks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from soaking.soak import World, soak
from stage import TICK

from storykeep.local.stack import throwaway_stack

pytestmark = pytest.mark.integration


@contextmanager
def quietly(_: str) -> Iterator[Callable[[str], None]]:
    yield lambda _: None


def test_a_day_of_trouble_loses_nothing_that_was_served_and_tells_of_the_rest(tmp_path: Path) -> None:
    world = World(accounts=50, days=1, seed=1, build_every=timedelta(hours=12), orders=2)
    with throwaway_stack(tmp_path / "soak", tick=TICK) as stack:
        stack.start_afresh()
        outcome = soak(world, stack, quietly)
    assert [check for check in outcome.checks if not check.holds] == []
    assert outcome.told["sign-ins"] > 0
    assert sum(count for what, count in outcome.told.items() if what.startswith("killed ")) >= 5
