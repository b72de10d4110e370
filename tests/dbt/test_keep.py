"""Where only stories of campaigns are kept, the others reach no mart, and are counted."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tests.dbt.world import AS_OF, at, fill, insert, landed, reading
from tests.marts import MARTS

from storykeep.errors import StorykeepError
from storykeep.quality.release import check_release
from storykeep.settings import Keep, Settings
from storykeep.transform import dbt, last_build
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

Marts = dict[str, list[tuple[Any, ...]]]

# Of a story that is of no campaign, what nobody may find in a mart.
PERSONAL = ("17900000000000777", "Zora turns six", "https://www.instagram.com/stories/handle_a/17900000000000777")
OF_CAMPAIGNS = ["101", "102", "103", "104"]
EVERY = [*OF_CAMPAIGNS, "105", "106", PERSONAL[0]]


@pytest.fixture(scope="module")
def matched(new_warehouse: Callable[[], Settings]) -> Settings:
    """The small world and a personal story, built under the policy `matched`."""
    settings = replace(new_warehouse(), keep=Keep(matched_only=True))
    story_id, caption, permalink = PERSONAL
    node = {"id": story_id, "timestamp": "2026-11-12T03:00:00+0000", "caption": caption, "permalink": permalink}
    with owner(settings) as conn:
        fill(conn)
        landed(conn, "stories", at(12, 3), story_id=story_id, payload=node)
        reading(conn, story_id, at(12, 4), views=777_001, reach=777_000)
        reading(conn, story_id, at(12, 5), views=777_003, reach=777_002)
    build_marts(settings, AS_OF)
    return settings


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO, logger=dbt.__name__)
    yield caplog


def owner(settings: Settings) -> psycopg.Connection:
    return connect(settings.warehouse, "storykeep_owner")


def marts(settings: Settings, schema: str = "build") -> Marts:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return {
            name: conn.execute(f"select * from {schema}.{name} as t order by t::text").fetchall()  # noqa: S608 (names of ours)
            for name in sorted(MARTS)
        }


def shown(found: Marts) -> list[str]:
    return sorted(row[0] for row in found["fct_stories"])


def read_at_all(found: Marts) -> set[str]:
    return {row[0] for row in found["fct_story_readings"]}


def rebuilt(settings: Settings) -> Marts:
    last_build.forget(settings)
    dbt.build(settings, AS_OF)
    return marts(settings)


def test_nothing_of_a_story_of_no_campaign_is_in_any_mart(matched: Settings) -> None:
    found = marts(matched, "marts")
    assert shown(found) == OF_CAMPAIGNS
    text = repr(found)
    assert "A new #Glow, day 1" in text
    assert [trace for trace in (*PERSONAL, "777001", "777003") if trace in text] == []


def test_the_stories_that_are_left_out_are_counted(matched: Settings) -> None:
    with connect(matched.warehouse, "storykeep_transform") as conn:
        rows = conn.execute(
            """
            select account_id, extract(day from date)::integer, stories_seen, stories_not_kept,
                stories_sweep + stories_late + stories_masked + stories_missing, stories_live
            from marts.fct_capture_coverage where stories_seen > 0 order by account_id, date
            """
        ).fetchall()
    assert rows == [("acc-a", 10, 3, 0, 3, 0), ("acc-a", 12, 3, 3, 0, 0), ("acc-b", 10, 1, 0, 1, 0)]


def test_the_release_checkpoint_lets_no_other_story_pass(matched: Settings) -> None:
    swap = "update build.fct_stories set story_id = %s where story_id = %s"
    with connect(matched.warehouse, "storykeep_transform") as conn:
        conn.execute(swap, ["105", "102"])
        conn.commit()
        try:
            with pytest.raises(StorykeepError, match="the stories in the mart are those of the campaigns") as failure:
                check_release(matched, AS_OF)
        finally:
            conn.execute(swap, ["102", "105"])
    assert "'matched': '102'" in str(failure.value) or "'story_id': '105'" in str(failure.value)


def test_a_change_of_campaigns_brings_stories_in_and_takes_them_out_at_the_next_build(
    matched: Settings, told: pytest.LogCaptureFixture
) -> None:
    before = marts(matched)
    with owner(matched) as conn:
        # To `everything` belong now the stories of acc-a from the 11th on; `tagged` asks for another hashtag.
        conn.execute("update app.campaigns set ends_at = %s where campaign_id = 'everything'", [at(20, 0)])
        conn.execute("delete from app.campaign_participants where campaign_id = 'everything'")
        conn.execute("update app.match_rules set value = 'glowing' where kind = 'hashtag'")
        insert(
            conn,
            "app.campaign_participants",
            campaign_id="everything",
            account_id="acc-a",
            valid_from=at(11, 0),
            valid_to=at(20, 0),
        )
    dbt.build(matched, AS_OF)
    after = marts(matched)
    assert shown(after) == ["102", "103", "105", "106", PERSONAL[0]]
    assert read_at_all(after) == {"102", "103", "105", PERSONAL[0]}
    assert "full refresh" not in told.text
    assert rebuilt(matched) == after

    told.clear()
    with owner(matched) as conn:
        conn.execute("update app.campaigns set ends_at = %s where campaign_id = 'everything'", [at(12, 0)])
        conn.execute("delete from app.campaign_participants where campaign_id = 'everything'")
        conn.execute("update app.match_rules set value = 'glow' where kind = 'hashtag'")
        for account_id, ends in (("acc-a", 11), ("acc-b", 20)):
            insert(
                conn,
                "app.campaign_participants",
                campaign_id="everything",
                account_id=account_id,
                valid_from=at(9, 0),
                valid_to=at(ends, 0),
            )
    dbt.build(matched, AS_OF)
    assert "full refresh" not in told.text
    assert marts(matched) == before


def test_another_policy_makes_every_table_anew(matched: Settings, told: pytest.LogCaptureFixture) -> None:
    dbt.build(replace(matched, keep=Keep()), AS_OF)
    assert told.text.count("full refresh") == 1
    assert shown(marts(matched)) == EVERY
    dbt.build(matched, AS_OF)
    assert told.text.count("full refresh") == 2
    assert shown(marts(matched)) == OF_CAMPAIGNS
    dbt.build(replace(matched, keep=replace(matched.keep, purge_after=AS_OF - at(9, 0))), AS_OF)
    assert told.text.count("full refresh") == 2
