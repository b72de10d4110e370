"""Up to which landing id a build looks."""

import pytest
from tests.dbt.world import at, fill, reading

from storykeep.landing.retention import old_partitions, retire
from storykeep.quality.landed import newest
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration


def test_it_takes_in_what_retention_kept_of_a_row_that_landed_last(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        fill(conn)
        for day in (13, 14):
            conn.execute("select raw.ensure_partition('story_insights', %s)", [at(day, 0).date()])
        reading(conn, "101", at(10, 23), views=500)
        ((last,),) = conn.execute("select max(landing_id) from raw.story_insights").fetchall()
        for partition in old_partitions(conn, at(14, 12), 3):
            retire(conn, partition)
        assert conn.execute("select max(landing_id) from raw.story_insights_kept").fetchone() == (last,)
        assert newest(conn)["story_insights"] == last
