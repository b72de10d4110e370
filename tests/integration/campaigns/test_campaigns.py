from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storykeep.accounts.registry import account_id_of, import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.campaigns.registry import ImportResult, import_campaigns, list_campaigns
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILE = """
brands:
  - {brand_id: lumen, name: Lumen Skin, time_zone: Europe/Berlin, currency: EUR, contact: ida@lumen.example}
campaigns:
  - campaign_id: glow
    brand_id: lumen
    name: Glow Week
    starts_at: 2026-11-01T00:00:00+01:00
    ends_at: 2026-11-08T00:00:00+01:00
    cost: 3200
    currency: EUR
    rules:
      - {kind: hashtag, value: "#GlowWeek"}
      - {kind: mention, value: lumen.skin}
    participants:
      - {username: nora, from: 2026-11-01T00:00:00Z, to: 2026-11-08T00:00:00Z}
      - {username: omar, from: 2026-11-03T00:00:00Z, to: 2026-11-08T00:00:00Z}
"""


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_ingest") as connection:
        accounts = f"{','.join(COLUMNS)}\nfacebook,1001,nora,,,,,\ninstagram,1002,omar,,,,,\n"
        import_accounts(connection, Vault(warehouse.token_keys), accounts, NOW)
        yield connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "campaigns.yaml"
    file.write_text(FILE, encoding="utf-8")
    return file


def rewrite(path: Path, old: str, new: str) -> None:
    assert old in FILE
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def rows(conn: psycopg.Connection) -> dict[str, list[Any]]:
    """The rows of all tables, with the transaction that wrote each."""
    tables = ("brands", "campaigns", "campaign_participants", "match_rules")
    return {name: conn.execute(f"select xmin::text, t.* from app.{name} as t").fetchall() for name in tables}  # noqa: S608


def test_imports_brands_campaigns_rules_and_participants(conn: psycopg.Connection, path: Path) -> None:
    assert import_campaigns(conn, path) == ImportResult(brands=1, campaigns=1, changed=2, faults=())
    (campaign,) = list_campaigns(conn)
    assert (campaign.campaign_id, campaign.brand, campaign.cost) == ("glow", "Lumen Skin", Decimal(3200))
    assert campaign.starts_at == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert campaign.rules == ["#glowweek", "@lumen.skin"]
    assert campaign.participants == 2
    assert conn.execute("select contact from app.brands").fetchall() == [("ida@lumen.example",)]
    valid_from = conn.execute(
        "select valid_from from app.campaign_participants where account_id = %s", [account_id_of("1002")]
    ).fetchone()
    assert valid_from == (datetime(2026, 11, 3, tzinfo=UTC),)


def test_importing_twice_writes_nothing(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path)
    before = rows(conn)
    assert all(before.values())
    assert import_campaigns(conn, path).changed == 0
    assert rows(conn) == before


def test_an_import_is_committed(conn: psycopg.Connection, path: Path, warehouse: Settings) -> None:
    import_campaigns(conn, path)
    with connect(warehouse.warehouse, "storykeep_ingest") as other:
        assert len(list_campaigns(other)) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cost: 3200", "cost: 3300"),
        ("name: Glow Week", "name: Glow Days"),
        ("contact: ida@", "contact: bo@"),
        ('      - {kind: hashtag, value: "#GlowWeek"}\n', ""),
        ("{username: omar, from: 2026-11-03T", "{username: omar, from: 2026-11-04T"),
        ("to: 2026-11-08T00:00:00Z}\n      - {username: omar", "to: 2026-11-07T00:00:00Z}\n      - {username: omar"),
        ("time_zone: Europe/Berlin", "time_zone: UTC"),
    ],
)
def test_a_changed_file_changes_what_it_says(conn: psycopg.Connection, path: Path, old: str, new: str) -> None:
    import_campaigns(conn, path)
    before = rows(conn)
    rewrite(path, old, new)
    result = import_campaigns(conn, path)
    assert (result.changed, result.faults) == (1, ())
    assert sum(rows(conn)[name] != before[name] for name in before) == 1


def test_unknown_participants_and_brands_are_named_and_nothing_goes_in(conn: psycopg.Connection, path: Path) -> None:
    rewrite(path, "{username: omar", "{username: nobody")
    rewrite(path, "    brand_id: lumen", "    brand_id: lumi")
    rewrite(path, "currency: EUR, contact", "currency: euro, contact")
    result = import_campaigns(conn, path)
    assert result.changed == 0
    assert {fault.where: fault.what for fault in result.faults} == {
        "campaigns.yaml: brand 'lumen': currency": "String should match pattern '^[A-Z]{3}$' (it is 'euro')",
        "campaigns.yaml: campaign 'glow': brand_id": "there is no brand 'lumi'",
        "campaigns.yaml: campaign 'glow': participants[1].username": "there is no account @nobody",
    }
    assert not any(rows(conn).values())


def test_a_brand_may_stand_in_an_earlier_file(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path)
    rewrite(path, FILE[: FILE.index("campaigns:")], "")
    assert import_campaigns(conn, path) == ImportResult(brands=0, campaigns=1, changed=0, faults=())


def test_a_campaign_that_the_file_does_not_name_stays(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path)
    rewrite(path, "campaign_id: glow", "campaign_id: shine")
    import_campaigns(conn, path)
    assert [campaign.campaign_id for campaign in list_campaigns(conn)] == ["glow", "shine"]
