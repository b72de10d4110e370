"""An account that tells a hundred stories a day, in a world that is large enough to have one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.sandbox.conftest import START

from storykeep.sandbox.serve import Running, sandbox

STORYTELLER = 20


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=21, seed=5, start=START) as started:
        yield started


def test_a_long_day_has_several_pages_at_the_default_limit(world):
    account = world.account(STORYTELLER)
    whole = [story["id"] for story in world.stories(account)]
    assert 60 <= len(whole) <= 104
    body = world.get(account, f"{account['ig_user_id']}/stories").json()
    sizes, found = [], []
    while True:
        sizes.append(len(body["data"]))
        found += [story["id"] for story in body["data"]]
        if "next" not in body["paging"]:
            break
        body = world.http.get(body["paging"]["next"], timeout=10).json()
    assert found == whole
    assert sizes[:-1] == [25] * (len(sizes) - 1)
    assert len(sizes) >= 3
    assert "after" in body["paging"]["cursors"]


def test_pages_lead_back_as_they_led_on(world):
    account = world.account(STORYTELLER)
    whole = [story["id"] for story in world.stories(account)]
    path = f"{account['ig_user_id']}/stories"
    second = world.get(account, path, after=world.get(account, path).json()["paging"]["cursors"]["after"]).json()
    first = world.http.get(second["paging"]["previous"], timeout=10).json()
    assert [story["id"] for story in first["data"]] == whole[:25]
    assert "previous" not in first["paging"]
    assert [story["id"] for story in second["data"]] == whole[25:50]


def test_every_story_of_a_long_day_is_found_by_its_id(world):
    account = world.account(STORYTELLER)
    truth = world.truth()
    for story in world.stories(account):
        reply = world.get(account, f"{story['id']}/insights", metric="views")
        if reply.status_code == 200 and reply.json()["data"]:
            assert reply.json()["data"][0]["values"] == [{"value": truth[story["id"]]["views"]}]
        else:
            assert truth[story["id"]]["viewers"] < 5
