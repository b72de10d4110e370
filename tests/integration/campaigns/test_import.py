"""The import of a campaigns file: all of it or nothing, told beforehand, and nothing the second time."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storykeep.accounts.registry import account_id_of
from storykeep.campaigns.listing import list_campaigns
from storykeep.campaigns.registry import ImportResult, import_campaigns
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import FILE, NOW, rewrite

pytestmark = pytest.mark.integration

TABLES = ("brands", "campaigns", "campaign_participants", "match_rules", "deliverables")
VERSIONS = ("brand_versions", "campaign_versions")


def take_in(conn: psycopg.Connection, path: Path, *, dry_run: bool = False) -> ImportResult:
    return import_campaigns(conn, path, "ida", NOW, dry_run=dry_run)


def rows(conn: psycopg.Connection) -> dict[str, list[Any]]:
    """The rows of all tables, with the transaction that wrote each."""
    return {
        name: conn.execute(f"select xmin::text, t.* from app.{name} as t").fetchall()  # noqa: S608
        for name in TABLES + VERSIONS
    }


def test_imports_everything_that_the_file_says(conn: psycopg.Connection, path: Path) -> None:
    result = take_in(conn, path)
    assert (result.brands, result.campaigns, result.faults) == (1, 1, ())
    (campaign,) = list_campaigns(conn)
    assert (campaign.campaign_id, campaign.brand, campaign.cost) == ("glow", "Lumen Skin", Decimal(3200))
    assert campaign.starts_at == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert (campaign.scope, campaign.manual_tracking) == ("participants", "off")
    assert campaign.rules == ["#glowweek", "lumen.example/glow", "@lumen.skin"]
    assert campaign.participants == 2
    assert conn.execute("select contact from app.brands").fetchall() == [("ida@lumen.example",)]
    omar = account_id_of("1002")
    assert conn.execute(
        "select account_id, valid_from, fee from app.campaign_participants where fee > 0"
    ).fetchall() == [(omar, datetime(2026, 11, 3, tzinfo=UTC), Decimal("450.50"))]
    promised = conn.execute("select * from app.deliverables order by deliverable_id").fetchall()
    assert promised == [
        ("glow", "reel", omar, "reel", 1, datetime(2026, 11, 5, 12, tzinfo=UTC)),
        ("glow", "stories", None, "story", 3, datetime(2026, 11, 7, 12, tzinfo=UTC)),
    ]


def test_what_is_new_is_told_in_full(conn: psycopg.Connection, path: Path) -> None:
    brand, campaign = take_in(conn, path).changes
    assert (brand.kind, brand.its_id, brand.is_new) == ("brand", "lumen", True)
    assert brand.lines == (
        "+ brand_id: lumen",
        "+ name: Lumen Skin",
        "+ time_zone: Europe/Berlin",
        "+ currency: EUR",
        "+ contact: ida@lumen.example",
    )
    assert (campaign.kind, campaign.its_id, campaign.is_new) == ("campaign", "glow", True)
    assert campaign.lines == (
        "+ campaign_id: glow",
        "+ brand_id: lumen",
        "+ name: Glow Week",
        "+ starts_at: 2026-10-31 23:00:00 UTC",
        "+ ends_at: 2026-11-07 23:00:00 UTC",
        "+ cost: 3200.00",
        "+ currency: EUR",
        "+ scope: participants",
        "+ rule hashtag #glowweek",
        "+ rule link lumen.example/glow",
        "+ rule mention @lumen.skin",
        "+ participant @nora: from 2026-11-01 00:00:00 UTC, to 2026-11-08 00:00:00 UTC",
        "+ participant @omar: from 2026-11-03 00:00:00 UTC, to 2026-11-08 00:00:00 UTC, fee 450.50",
        "+ deliverable reel: by @omar, kind reel, quantity 1, due_at 2026-11-05 12:00:00 UTC",
        "+ deliverable stories: kind story, quantity 3, due_at 2026-11-07 12:00:00 UTC",
    )


def test_importing_twice_writes_nothing(conn: psycopg.Connection, path: Path) -> None:
    take_in(conn, path)
    before = rows(conn)
    assert all(before.values())
    assert take_in(conn, path).changes == ()
    assert rows(conn) == before


def test_an_import_is_committed(conn: psycopg.Connection, path: Path, warehouse: Settings) -> None:
    take_in(conn, path)
    with connect(warehouse.warehouse, "storykeep_ingest") as other:
        assert len(list_campaigns(other)) == 1


CHANGES = [
    ("cost: 3200", "cost: 3300", "~ cost: 3200.00 -> 3300.00"),
    ("    cost: 3200\n", "", "- cost: 3200.00"),
    ("name: Glow Week", "name: Glow Days", "~ name: Glow Week -> Glow Days"),
    ("contact: ida@", "contact: bo@", "~ contact: ida@lumen.example -> bo@lumen.example"),
    ("time_zone: Europe/Berlin", "time_zone: UTC", "~ time_zone: Europe/Berlin -> UTC"),
    ("scope: participants", "scope: all", "~ scope: participants -> all"),
    ('      - {kind: hashtag, value: "#GlowWeek"}\n', "", "- rule hashtag #glowweek"),
    (
        "      - {username: nora, from: 2026-11-01T00:00:00Z, to: 2026-11-08T00:00:00Z}\n",
        "",
        "- participant @nora: from 2026-11-01 00:00:00 UTC, to 2026-11-08 00:00:00 UTC",
    ),
    (
        "{username: omar, from: 2026-11-03T00",
        "{username: omar, from: 2026-11-04T10",
        "~ participant @omar: from: 2026-11-03 00:00:00 UTC -> 2026-11-04 10:00:00 UTC",
    ),
    (
        "to: 2026-11-08T00:00:00Z}\n      - {username: omar",
        "to: 2026-11-08T00:00:00Z, fee: 10}\n      - {username: omar",
        "+ participant @nora: fee: 10.00",
    ),
    (
        "      - {username: omar",
        "      - {username: nora, from: 2026-11-09T00:00:00Z, to: 2026-11-10T00:00:00Z}\n      - {username: omar",
        "+ participant @nora (2): from 2026-11-09 00:00:00 UTC, to 2026-11-10 00:00:00 UTC",
    ),
    ("quantity: 3", "quantity: 4", "~ deliverable stories: quantity: 3 -> 4"),
    ("username: omar, kind", "kind", "- deliverable reel: by: @omar"),
]


@pytest.mark.parametrize(("old", "new", "line"), CHANGES, ids=[line for _, _, line in CHANGES])
def test_a_changed_file_changes_what_it_says_and_tells_it(
    conn: psycopg.Connection, path: Path, old: str, new: str, line: str
) -> None:
    take_in(conn, path)
    before = rows(conn)
    rewrite(path, old, new)
    told = take_in(conn, path, dry_run=True)
    assert rows(conn) == before
    result = take_in(conn, path)
    assert result == told
    (change,) = result.changes
    assert (change.is_new, change.lines) == (False, (line,))
    changed = {name for name in before if rows(conn)[name] != before[name]}
    assert {len(changed & set(TABLES)), len(changed & set(VERSIONS))} == {1}


def test_a_dry_run_of_a_first_import_leaves_nothing(conn: psycopg.Connection, path: Path) -> None:
    assert len(take_in(conn, path, dry_run=True).changes) == 2
    assert not any(rows(conn).values())


def test_unknown_participants_and_brands_are_named_and_nothing_goes_in(conn: psycopg.Connection, path: Path) -> None:
    rewrite(path, "username: omar", "username: nobody")
    rewrite(path, "    brand_id: lumen", "    brand_id: lumi")
    rewrite(path, "currency: EUR, contact", "currency: euro, contact")
    result = take_in(conn, path)
    assert result.changes == ()
    assert {fault.where: fault.what for fault in result.faults} == {
        "campaigns.yaml: brand 'lumen': currency": "String should match pattern '^[A-Z]{3}$' (it is 'euro')",
        "campaigns.yaml: campaign 'glow': brand_id": "there is no brand 'lumi'",
        "campaigns.yaml: campaign 'glow': participants[1].username": "there is no account @nobody",
    }
    assert not any(rows(conn).values())


def test_a_brand_may_stand_in_an_earlier_file(conn: psycopg.Connection, path: Path) -> None:
    take_in(conn, path)
    rewrite(path, FILE[: FILE.index("campaigns:")], "")
    assert take_in(conn, path) == ImportResult(brands=0, campaigns=1, changes=(), faults=())


def test_a_campaign_that_the_file_does_not_name_stays(conn: psycopg.Connection, path: Path) -> None:
    take_in(conn, path)
    rewrite(path, "campaign_id: glow", "campaign_id: shine")
    take_in(conn, path)
    assert [campaign.campaign_id for campaign in list_campaigns(conn)] == ["glow", "shine"]


def test_two_imports_at_once_come_one_after_the_other(
    conn: psycopg.Connection, path: Path, warehouse: Settings, tmp_path: Path
) -> None:
    with connect(warehouse.warehouse, "storykeep_ingest") as other:
        # An import of another campaign under way.
        other.execute("insert into app.brands values ('b', 'B', 'UTC', 'EUR')")
        other.execute("insert into app.campaigns values ('c', 'b', 'C', %s, 'infinity', 0, 'EUR')", [NOW])
        conn.execute("set lock_timeout = '100ms'")
        conn.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            take_in(conn, path)
    conn.rollback()
    assert len(take_in(conn, path).changes) == 2
