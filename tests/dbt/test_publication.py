"""Builds that go on from each other: what changed is checked and published, and the marts are what was built."""

import logging
from collections.abc import Callable

import pytest
from tests.dbt.world import AS_OF, at, fill, reading

from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

FIRST = at(12, 10)
LARGE = ("fct_audience", "fct_stories", "fct_story_readings")


def test_a_build_publishes_what_an_unpublished_one_before_it_changed(
    new_warehouse: Callable[[], Settings], caplog: pytest.LogCaptureFixture
) -> None:
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        build_marts(settings, FIRST)
        # 101 is long over: no other build looks at it again. Its views fall, too.
        reading(conn, "101", at(11, 7, 58), views=999, reach=700)
        conn.commit()
        dbt.build(settings, at(12, 11))
        reading(conn, "105", at(12, 11, 30), views=50, reach=40)
        conn.commit()
        caplog.clear()
        caplog.set_level(logging.DEBUG, logger="storykeep.transform.publish")
        changed = build_marts(settings, AS_OF)["mart rows changed"]
    for mart in LARGE:
        assert f"publish: {mart}: compares what changed" in caplog.messages
    assert "views never fall from one reading to a later one: found {'story_id': '101'" in caplog.text
    assert changed > 0
    with connect(settings.warehouse, "storykeep_transform") as conn:
        for mart in LARGE:
            built = conn.execute(f"select * from build.{mart} as t order by t::text").fetchall()  # noqa: S608 (names of ours)
            assert conn.execute(f"select * from marts.{mart} as t order by t::text").fetchall() == built  # noqa: S608
        views = conn.execute("select views from marts.fct_stories where story_id in ('101', '105') order by story_id")
        assert views.fetchall() == [(999,), (50,)]
