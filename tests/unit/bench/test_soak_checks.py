"""What counts as a check that holds, and when a call comes too early."""

import json
from pathlib import Path
from typing import Any

import pytest
from soaking.blocked import Blocked
from soaking.checks import Check, write_json

FLAVOURS = {"a": "facebook", "b": "facebook", "c": "instagram"}


def call(whose: str, minute: int, outcome: str = "answered") -> dict[str, Any]:
    wait = 30 if outcome == "throttle" else 0
    at = f"2026-11-05T20:{minute:02}:00Z"
    return {"at": at, "endpoint": "stories", "ig_user_id": whose, "outcome": outcome, "wait_minutes": wait}


def too_early(*calls: dict[str, Any], is_heard: bool = True) -> list[str]:
    blocked = Blocked(FLAVOURS)
    for one in calls:
        blocked.look(one, is_heard=is_heard)
    return blocked.too_early


def test_a_check_holds_when_something_was_looked_at_and_nothing_is_wrong() -> None:
    assert Check("rows", 1, ()).holds
    assert not Check("rows", 0, ()).holds
    assert not Check("rows", 2, ("one",)).holds


def test_the_file_says_of_every_check_what_came_of_it(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    write_json(file, {"ticks": 3}, [Check("rows", 2, ("one",))])
    row = {"check": "rows", "looked_at": 2, "wrong": 1, "examples": ["one"], "holds": False}
    assert json.loads(file.read_text()) == {"ticks": 3, "checks": [row]}


@pytest.mark.parametrize(("minute", "broken"), [(10, 0), (15, 1), (39, 1), (40, 0)])
def test_an_account_is_to_be_left_alone_for_as_long_as_it_was_told(minute: int, broken: int) -> None:
    assert len(too_early(call("a", 10, "throttle"), call("a", minute), call("b", minute))) == broken


def test_an_app_is_to_be_left_alone_with_all_of_its_accounts() -> None:
    [only] = too_early(call("a", 10, "app_throttle"), call("b", 20), call("c", 20), call("a", 25))
    assert only == "stories of b at 05 Nov 20:20, app:facebook is blocked"


def test_nobody_can_heed_what_was_told_to_a_process_that_died() -> None:
    assert too_early(call("a", 10, "throttle"), call("a", 15), is_heard=False) == []
