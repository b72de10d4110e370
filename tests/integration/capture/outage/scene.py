"""A Postgres of one's own that can be taken away, and a scene whose ticks do what the console script's do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

import psycopg

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.capture.engine import capture_or_spool
from storykeep.capture.outage import spool
from storykeep.clock import fixed_clock
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.landing.runs import Run
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import Flavour, GraphSettings
from storykeep.warehouse import connect

from ..conftest import START, Scene
from ..test_crash import STATE


@dataclass
class AwayScene(Scene):
    """A scene whose warehouse goes away and comes back; a tick opens its own connection."""

    server: EmbeddedPostgres | None = None
    before_answers: Callable[[int], None] | None = None

    @property
    def place(self) -> Path:
        return spool.folder(self.settings)

    def begin_again(self) -> None:
        """An empty warehouse with the accounts in it, and nothing on the disk."""
        for path in self.place.glob("*"):
            path.unlink()
        with self.superuser() as owner:
            owner.execute(f"truncate {', '.join((*STATE, 'app.runs', 'app.accounts'))} cascade")
        import_accounts(self.conn, Vault(self.settings.token_keys), self.control("GET", "accounts.csv"), START)

    def tick(self, after: timedelta = timedelta(0)) -> Run:
        self.now += after
        self.control("POST", "clock", {"now": self.now.isoformat()})
        return capture_or_spool(self.settings, self.clients(), fixed_clock(self.now), run_id_at(self.now))

    def clients(self) -> dict[Flavour, GraphClient]:
        clients = super().clients()
        if self.before_answers is None:
            return clients
        count = Counting(self.before_answers)
        return {flavour: Telling(client.api, count) for flavour, client in clients.items()}

    def go_away(self) -> None:
        """Stop Postgres as a power cut would."""
        assert self.server
        self.conn.close()
        done = self.server._run("pg_ctl", "stop", "-D", str(self.server._data), "-m", "immediate", "-w")
        assert done.returncode == 0, done.stdout

    def come_back(self) -> None:
        assert self.server
        self.server.start()
        self.conn = connect(self.settings.warehouse, "storykeep_ingest")
        self.conn.autocommit = True


class Counting:
    """Numbers chunks over all flavours, and tells each number before its answers are handed over."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._lock = Lock()
        self._number = 0

    def one_more(self) -> None:
        with self._lock:
            self._number += 1
            self._tell(self._number)


class Telling(GraphClient):
    """A client that says when a chunk of answers has come."""

    def __init__(self, api: GraphSettings, count: Counting) -> None:
        super().__init__(api)
        self._count = count

    def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        for answers in super().answer(asks):
            self._count.one_more()
            yield answers


def run_id_at(now: datetime) -> str:
    """The id that the console script gives to a tick."""
    return f"tick-{now:%Y-%m-%dT%H:%M:%SZ}"


def raw(conn: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """All that is kept and all clocks, with the run that brought each row; no media, which nobody fetches here."""
    tables = {table: columns for table, columns in STATE.items() if table != "raw.media_files"}
    return {
        table: conn.execute(
            f"select {columns}{', run_id' if table.startswith('raw.') else ''} from {table} order by {columns}"  # noqa: S608 (fixed names)
        ).fetchall()
        for table, columns in tables.items()
    }


def differences(one: Scene, other: Scene) -> str:
    """The rows that only one of two warehouses has, a line each; "" when they are equal."""
    ours, theirs = raw(one.conn), raw(other.conn)
    lines = [f"only here: {table} {row}" for table in ours for row in ours[table] if row not in theirs[table]]
    lines += [f"only there: {table} {row}" for table in ours for row in theirs[table] if row not in ours[table]]
    return "\n".join(lines) or ("" if ours == theirs else "some rows are there twice")
