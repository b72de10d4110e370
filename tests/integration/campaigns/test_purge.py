"""What campaign versions say of an account that is purged, whatever is under way."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storykeep.accounts.registry import account_id_of
from storykeep.campaigns.history import show
from storykeep.campaigns.registry import import_campaigns
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import NOW, rewrite

pytestmark = pytest.mark.integration

NORA, OMAR = account_id_of("1001"), account_id_of("1002")


@pytest.fixture
def buried(conn: psycopg.Connection, path: Path) -> psycopg.Connection:
    """@omar takes part in a campaign of two versions, and has to go."""
    import_campaigns(conn, path, "ida", NOW)
    rewrite(path, "fee: 450.50", "fee: 500")
    import_campaigns(conn, path, "ida", NOW)
    conn.execute("select app.bury_account(%s, %s)", [OMAR, NOW])
    conn.commit()
    return conn


def purge(conn: psycopg.Connection) -> list[tuple[str, int]]:
    return conn.execute("select purged, deleted from app.purge_versions(%s)", [OMAR]).fetchall()


def documents(conn: psycopg.Connection) -> list[dict[str, Any]]:
    return [row[0] for row in conn.execute("select document from app.campaign_versions order by version").fetchall()]


def test_the_versions_stay_without_the_account(buried: psycopg.Connection) -> None:
    assert purge(buried) == [("app.campaign_versions (its part)", 2)]
    first, second = documents(buried)
    assert first == second
    assert [part["account_id"] for part in first["participants"]] == [NORA]
    assert [one["deliverable_id"] for one in first["deliverables"]] == ["stories"]
    assert first["name"] == "Glow Week"
    assert purge(buried) == [("app.campaign_versions (its part)", 0)]
    assert [event.lines for event in show(buried, "glow").events] == [(), (), ()]


def test_an_import_under_way_is_waited_for(buried: psycopg.Connection, path: Path, warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_ingest") as other:
        other.execute(
            "insert into app.campaign_versions"
            " select campaign_id, 3, %s, 'bo', document from app.campaign_versions where version = 2",
            [NOW],
        )
        buried.execute("set lock_timeout = '100ms'")
        buried.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            purge(buried)
        buried.rollback()
        other.commit()
    assert purge(buried) == [("app.campaign_versions (its part)", 3)]
    assert OMAR not in repr(documents(buried))


def test_a_version_that_comes_later_leaves_the_account_out(buried: psycopg.Connection, path: Path) -> None:
    purge(buried)
    rewrite(path, "cost: 3200", "cost: 3300")
    for _ in range(2):  # the purge has not come to the account itself yet, so that its handle is known
        import_campaigns(buried, path, "ida", NOW + timedelta(hours=1))
        assert [document["cost"] for document in documents(buried)] == [3200, 3200, 3300]
        assert OMAR not in repr(documents(buried))


def test_nobody_is_taken_out_who_was_not_buried(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    with pytest.raises(psycopg.errors.RaiseException, match="it was not buried before"):
        purge(conn)
