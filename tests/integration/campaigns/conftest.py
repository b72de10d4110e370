from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.settings import Settings
from storykeep.warehouse import connect

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
    scope: participants
    rules:
      - {kind: hashtag, value: "#GlowWeek"}
      - {kind: mention, value: lumen.skin}
      - {kind: link, value: "https://www.lumen.example/glow/"}
    participants:
      - {username: nora, from: 2026-11-01T00:00:00Z, to: 2026-11-08T00:00:00Z}
      - {username: omar, from: 2026-11-03T00:00:00Z, to: 2026-11-08T00:00:00Z, fee: 450.50}
    deliverables:
      - {deliverable_id: stories, kind: story, quantity: 3, due_at: 2026-11-07T12:00:00Z}
      - {deliverable_id: reel, username: omar, kind: reel, quantity: 1, due_at: 2026-11-05T12:00:00Z}
"""


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """A connection to a warehouse that knows the accounts @nora and @omar."""
    with connect(warehouse.warehouse, "storykeep_ingest") as connection:
        accounts = f"{','.join(COLUMNS)}\nfacebook,1001,nora,,,,,\ninstagram,1002,omar,,,,,\n"
        import_accounts(connection, Vault(warehouse.token_keys), accounts, NOW)
        yield connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A campaigns file of FILE."""
    file = tmp_path / "campaigns.yaml"
    file.write_text(FILE, encoding="utf-8")
    return file


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace a part of the file that is there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
