"""Everything on this machine: the embedded Postgres, a sandbox of the Graph API, and Airflow over both."""

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.campaigns.registry import import_campaigns
from storykeep.local.airflow import LocalAirflow
from storykeep.local.airflow_api import wait_for
from storykeep.local.postgres import EmbeddedPostgres, uri
from storykeep.local.processes import Processes
from storykeep.local.secret_file import SecretFile
from storykeep.migrations.upgrade import upgrade
from storykeep.settings import FLAVOURS, PROJECT, Settings
from storykeep.warehouse import connect

FOLDER = PROJECT / ".storykeep"
REQUEST_SECONDS = 60
SANDBOX_SECONDS = 60


class LocalStack:
    """The parts of a local installation whose files are all in `folder`.

    A context manager that stops on exit whatever was started.
    """

    def __init__(self, folder: Path = FOLDER, *, tick: timedelta, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.tick = tick
        self._say = say
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self._secrets = SecretFile(folder / "secrets.json")
        self._processes = Processes(folder / "processes")
        self._sandbox: dict[str, Any] = {}

    def start_afresh(self) -> None:
        """Stop what an earlier run left behind, forget it, and start a new warehouse."""
        self.stop()
        self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.postgres.start()

    def start_sandbox(
        self, *, accounts: int, seed: int, start: datetime, history_days: int, latency_ms: int = 0
    ) -> None:
        """Start a sandbox whose clock stands still at `start`."""
        options = {
            "accounts": accounts,
            "seed": seed,
            "start": start.isoformat(),
            "history-days": history_days,
            "latency-ms": latency_ms,
        }
        command = [sys.executable, "-m", "storykeep", "sandbox", "serve", "--speed", "0"]
        self._processes.launch("sandbox", command + [f"--{name}={value}" for name, value in options.items()], {})

        def ready() -> dict[str, Any] | None:
            self._processes.check()
            line = self._processes.log("sandbox").read_text().partition("\n")
            return dict(json.loads(line[0])) if line[1] else None

        self._sandbox = wait_for(ready, SANDBOX_SECONDS, what="the sandbox", every=0.1)

    def prepare_warehouse(self, now: datetime) -> None:
        """Make the schemas and take in the sandbox's accounts and campaigns."""
        upgrade(self.settings)
        campaigns = self.folder / "campaigns.yaml"
        campaigns.write_text(self.ask_sandbox("campaigns.yaml").text)
        with connect(self.settings.warehouse, "storykeep_ingest") as conn:
            import_accounts(conn, Vault(self.settings.token_keys), self.ask_sandbox("accounts.csv").text, now)
            import_campaigns(conn, campaigns, "the sandbox", now)

    def ask_sandbox(self, what: str, **params: str) -> requests.Response:
        """One of the sandbox's control resources, such as `truth`."""
        reply = requests.get(f"{self.control_url}/{what}", params=params, timeout=REQUEST_SECONDS)
        reply.raise_for_status()
        return reply

    def set_sandbox_clock(self, **to: str | float) -> None:
        """Move the sandbox's clock: `now`, `advance` or `speed`."""
        self.tell_sandbox("clock", to)

    def tell_sandbox(self, what: str, body: Any = None, *, method: str = "POST") -> None:
        """Change one of the sandbox's controls, such as `faults`."""
        url = f"{self.control_url}/{what}"
        requests.request(method, url, json=body, timeout=REQUEST_SECONDS).raise_for_status()

    @property
    def control_url(self) -> str:
        """Where the sandbox is controlled."""
        return f"{self._sandbox['facebook']}/_sandbox"

    @cached_property
    def settings(self) -> Settings:
        """The settings of this installation. Postgres and the sandbox run by then."""
        return Settings.from_env(self.environ)

    @cached_property
    def environ(self) -> Mapping[str, str]:
        """The same settings as environment variables; they hold secrets."""
        return {
            "AIRFLOW_CONN_WAREHOUSE": uri(self.postgres.warehouse),
            "AIRFLOW_CONN_WAREHOUSE_ADMIN": uri(self.postgres.warehouse_admin),
            **{f"AIRFLOW_CONN_GRAPH_{flavour.upper()}": self._graph(flavour) for flavour in FLAVOURS},
            "STORYKEEP_TOKEN_KEYS": self._secret("token_key", lambda: Fernet.generate_key().decode()),
            "STORYKEEP_BI_PASSWORD": self._secret("bi_password"),
            "STORYKEEP_WORK_DIR": str(self.folder),
            "STORYKEEP_MEDIA_HOSTS": self._sandbox["cdn"].removeprefix("http://"),
            "STORYKEEP_TICK_SECONDS": str(int(self.tick.total_seconds())),
            "STORYKEEP_LIST_SECONDS": str(int(self.tick.total_seconds())),
        }

    def write_environment(self) -> Path:
        """Write the settings as a file that a shell can read, closed to others; returns its path."""
        path = self.folder / "environment"
        path.touch(0o600)
        path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in self.environ.items()))
        return path

    @property
    def bi_uri(self) -> str:
        """Where a BI tool reads the marts, password included."""
        password = self.settings.bi_password or SecretStr("")
        return uri(replace(self.postgres.warehouse, user="storykeep_bi", password=password))

    @cached_property
    def airflow(self) -> LocalAirflow:
        """Airflow over this warehouse and this sandbox, not yet started."""
        return LocalAirflow(self.folder / "airflow", self.postgres.airflow, self.environ, say=self._say)

    def stop(self) -> None:
        """Stop everything that runs in this folder."""
        Processes(self.folder / "airflow" / "processes").stop()
        self._processes.stop()
        self.postgres.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _graph(self, flavour: str) -> str:
        app = self._sandbox["app"][flavour]
        return json.dumps({"host": self._sandbox[flavour], "login": app["id"], "password": app["secret"]})

    def _secret(self, name: str, make: Callable[[], str] | None = None) -> str:
        secret = self._secrets.get(name, make) if make else self._secrets.get(name)
        return secret.get_secret_value()


@contextmanager
def throwaway_stack(folder: Path, *, tick: timedelta) -> Iterator[LocalStack]:
    """A stack of which nothing is left at the end, wherever its Postgres kept its data."""
    stack = LocalStack(folder, tick=tick, say=print)
    try:
        with stack:
            yield stack
    finally:
        stack.postgres.remove()
