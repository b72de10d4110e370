"""`make soak`'s lifetimes in small: a hundred days of a few connections, with all of its checks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from soaking.lifetimes import Span, live
from stage import TICK

from storykeep.local.stack import throwaway_stack

pytestmark = pytest.mark.integration


@contextmanager
def quietly(_: str) -> Iterator[Callable[[str], None]]:
    yield lambda _: None


def test_in_a_hundred_days_nobody_dies_whom_the_api_would_have_let_live_and_the_others_are_told(tmp_path: Path) -> None:
    span = Span(accounts=12, days=100, seed=4, watch_every=timedelta(hours=12), capture_every=timedelta(days=5))
    with throwaway_stack(tmp_path / "soak", tick=TICK) as stack:
        stack.start_afresh()
        outcome = live(span, stack, quietly)
    assert [check for check in outcome.checks if not check.holds] == []
    assert outcome.told["sign-ins"] > 0
    told = {(subject, step) for subject, step, _ in outcome.told["notifications"]}
    assert told >= {("data_access", step) for step in ("14", "7", "3", "1")}
    assert told >= {("token", step) for step in ("14", "7", "3", "1")}
    assert told >= {("status", status) for status in ("expired", "data_access_ended", "revoked", "needs_action")}
