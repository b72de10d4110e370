"""A warehouse with two accounts and a campaign, and a folder for files of entries."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storykeep.accounts.registry import account_id_of, import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.campaigns.registry import import_campaigns
from storykeep.entries.load import Loaded, Request, load_file
from storykeep.entries.options import reading
from storykeep.settings import Settings
from storykeep.warehouse import connect

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NORA, OMAR = account_id_of("1001"), account_id_of("1002")
PNG = b"\x89PNG\r\n\x1a\n" + b"a screenshot"
CAMPAIGNS = """
brands:
  - {brand_id: lumen, name: Lumen Skin, time_zone: Europe/Berlin, currency: EUR}
campaigns:
  - campaign_id: glow
    brand_id: lumen
    name: Glow Week
    starts_at: 2026-11-01T00:00:00Z
    ends_at: 2026-11-08T00:00:00Z
    currency: EUR
    participants:
      - {username: nora, from: 2026-11-01T00:00:00Z, to: 2026-11-08T00:00:00Z}
"""


@dataclass
class Desk:
    """Where somebody loads files."""

    conn: psycopg.Connection
    settings: Settings
    folder: Path
    loads: int = 0

    def file(self, text: str, name: str = "november.csv") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def shot(self, name: str, body: bytes = PNG) -> None:
        (self.folder / "november").mkdir(exist_ok=True)
        (self.folder / "november" / name).write_bytes(body)

    def load(self, file: str | Path, kind: str | None = None, by: str = "ida", **told: Any) -> Loaded:
        path = file if isinstance(file, Path) else self.file(file)
        options = {name: told.pop(name) for name in ("decimal", "date_format", "time_zone") if name in told}
        self.loads += 1
        now = NOW + timedelta(minutes=self.loads)
        request = Request(path, by, reading(kind, **options), **told)
        return load_file(self.conn, self.settings, request, now, f"load-{self.loads}")

    def all(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, parameters).fetchall()

    def without_approval(self) -> None:
        self.settings = replace(self.settings, entry_approval=False)


@pytest.fixture
def desk(warehouse: Settings, tmp_path: Path) -> Iterator[Desk]:
    with connect(warehouse.warehouse, "storykeep_ingest") as conn:
        accounts = f"{','.join(COLUMNS)}\nfacebook,1001,nora,,,,,\ninstagram,1002,omar,,,,,\n"
        import_accounts(conn, Vault(warehouse.token_keys), accounts, NOW - timedelta(days=60))
        campaigns = tmp_path / "campaigns.yaml"
        campaigns.write_text(CAMPAIGNS)
        import_campaigns(conn, campaigns, "ida", NOW - timedelta(days=60))
        conn.commit()
        conn.autocommit = True
        yield Desk(conn, warehouse, tmp_path)


def told(loaded: Loaded) -> list[tuple[int, str, str]]:
    """Row, column and reason of everything that was refused."""
    return [(one.line.row, fault.column, fault.reason) for one in loaded.rejected for fault in one.faults]
