"""Where figures are measured: an installation that begins empty, a sandbox, and a way to say how far it is."""

import csv
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
from rich.console import Console

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.local.stack import LocalStack, throwaway_stack
from storykeep.migrations.upgrade import upgrade
from storykeep.settings import Settings
from storykeep.warehouse import connect

# The defaults of a deployment.
TICK = timedelta(minutes=5)
LIST_EVERY = timedelta(minutes=15)
START = datetime(2026, 11, 5, 20, tzinfo=UTC)

Account = dict[str, str]


@dataclass(frozen=True)
class Bench:
    """How to measure: `quick` for sizes that prove that it works and mean little, `readings` for the marts."""

    console: Console
    quick: bool
    readings: int

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Say what is being done, and at its end how long it took; the yielded function tells how far it is."""
        begun = time.monotonic()
        with self.console.status(title) as status:
            yield lambda progress: status.update(f"{title}: {progress}")
        self.console.print(f"  {title}: {time.monotonic() - begun:.1f} s", highlight=False)


@contextmanager
def sandbox_stack(
    *, accounts: int, start: datetime = START, history_days: int = 30, latency_ms: int = 0
) -> Iterator[LocalStack]:
    """An empty warehouse and a sandbox of its own process with a frozen clock, both gone at the end."""
    with tempfile.TemporaryDirectory() as folder, throwaway_stack(Path(folder) / "bench", tick=TICK) as stack:
        stack.start_afresh()
        stack.start_sandbox(accounts=accounts, seed=1, start=start, history_days=history_days, latency_ms=latency_ms)
        upgrade(stack.settings)
        yield stack


def settings_of(stack: LocalStack) -> Settings:
    """The settings of a deployment, where a local installation lists at every tick."""
    return replace(stack.settings, list_every=LIST_EVERY)


@contextmanager
def ingest(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection as capture has it."""
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        yield conn


def connected_accounts(stack: LocalStack, flavour: str | None = None) -> list[Account]:
    """The sandbox's accounts that have a token, of one flavour or of both, as `accounts import` reads them."""
    rows = csv.DictReader(io.StringIO(stack.ask_sandbox("accounts.csv").text))
    return [row for row in rows if row["access_token"] and flavour in (None, row["login_flavour"])]


def take_in(conn: psycopg.Connection, settings: Settings, accounts: list[Account], now: datetime) -> None:
    """Connect these accounts."""
    text = io.StringIO()
    writer = csv.DictWriter(text, accounts[0].keys())
    writer.writeheader()
    writer.writerows(accounts)
    import_accounts(conn, Vault(settings.token_keys), text.getvalue(), now)


def sandbox_process() -> psutil.Process:
    """The process that serves the sandbox: a child of this one."""
    return next(child for child in psutil.Process().children() if "sandbox" in child.cmdline())


def timed(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
