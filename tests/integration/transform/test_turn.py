"""The turn of builds: whoever comes after one that has ended need not wait."""

import pytest

from storykeep.settings import Settings
from storykeep.transform.turn import LOCK, turn
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

# Of the turns that only the closing of their connection ended, two in five were still taken right after.
TURNS = 25


def test_a_turn_is_free_as_soon_as_it_has_ended(warehouse: Settings) -> None:
    with connect(warehouse.warehouse) as conn:
        conn.autocommit = True
        for _ in range(TURNS):
            with turn(warehouse):
                assert conn.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (False,)
            assert conn.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (True,)
            conn.execute("select pg_advisory_unlock(%s)", [LOCK])
