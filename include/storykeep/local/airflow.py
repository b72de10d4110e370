"""A real Airflow on this machine: scheduler with LocalExecutor, dag-processor, triggerer and API server.

Nothing of Airflow is imported: the four programs are started as a deployment starts them, each on its own, told what
to do by their environment, and asked how they are through their REST API.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.fernet import Fernet

from storykeep.errors import StorykeepError
from storykeep.local.airflow_api import COMPONENTS, AirflowApi
from storykeep.local.ports import HOST, free_port
from storykeep.local.postgres import uri
from storykeep.local.processes import PATIENCE_SECONDS, Processes
from storykeep.local.secret_file import SecretFile
from storykeep.settings import PROJECT, PostgresSettings

USER = "admin"
USUAL_PORT = 8080
# Task logs are files on this machine; the servers that would hand them out have fixed ports and are left out.
PROGRAMS = {
    "api-server": [],
    "dag-processor": [],
    "triggerer": ["--skip-serve-logs"],
}
SCHEDULER = ["--skip-serve-logs"]
SCHEDULER_PATIENCE = 15.0  # seconds in which the tasks that run may end
POLL_SECONDS = 0.5
HEALTHY_SECONDS = 180.0
MIGRATE_SECONDS = 300


class LocalAirflow:
    """Airflow with its files in `folder` and its metadata in a Postgres database.

    `settings` are the variables that Storykeep's tasks see (AIRFLOW_CONN_..., STORYKEEP_...); of the environment
    of this process they see nothing that configures Airflow or Storykeep. A context manager: started and healthy
    on entry, stopped on exit.
    """

    def __init__(
        self,
        folder: Path,
        metadata: PostgresSettings,
        settings: Mapping[str, str],
        *,
        dags: Path = PROJECT / "dags",
        plugins: Path = PROJECT / "plugins",
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = folder.absolute()
        self._metadata = metadata
        self._settings = settings
        self._dags = dags.absolute()
        self._plugins = plugins.absolute()
        self._say = say
        self._secrets = SecretFile(self.folder / "secrets.json")
        self._processes = Processes(self.folder / "processes")
        self._healthy: set[str] = set()

    @cached_property
    def url(self) -> str:
        """Where the UI and the REST API are."""
        return f"http://{HOST}:{free_port(USUAL_PORT)}"

    @property
    def login(self) -> tuple[str, str]:
        """User name and generated password for the UI and the API."""
        return USER, self._secrets.get("ui_password").get_secret_value()

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow's REST API, as the user of `login`."""
        return AirflowApi(self.url, *self.login)

    def migrate(self) -> None:
        """Make or migrate Airflow's metadata. Raises StorykeepError with the end of what Airflow said."""
        self._prepare_folder()
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        log = self.folder / "migrate.log"
        with log.open("wb") as output:
            done = subprocess.run(
                command, env=self.environ, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, timeout=MIGRATE_SECONDS, check=False,
            )  # fmt: skip
        if done.returncode:
            raise StorykeepError(
                f"airflow db migrate failed: {log.read_text(errors='replace').strip().splitlines()[-1]}",
                where=str(log),
                remedy="read that log; to start afresh: make clean",
            )

    def start(self) -> None:
        """Launch the four programs; `wait_until_healthy` says when they are ready. Needs migrated metadata."""
        self._prepare_folder()
        self._processes.stop()  # what an earlier run may have left behind
        self._healthy.clear()
        for program, options in PROGRAMS.items():
            self._launch(program, options)
        # A task that cannot reach the API server retries with growing pauses, so the scheduler waits for it.
        self._wait_for({"metadatabase"}, HEALTHY_SECONDS)
        self._launch("scheduler", SCHEDULER, patience=SCHEDULER_PATIENCE)

    def wait_until_healthy(self, seconds: float = HEALTHY_SECONDS) -> None:
        """Return when each of the four programs reports itself healthy.

        Raises StorykeepError when one ends by itself or `seconds` have passed.
        """
        self._wait_for(set(COMPONENTS), seconds)

    def stop(self) -> None:
        """End the four programs and every task that they run, also those of an earlier run that was killed."""
        self._processes.stop()

    def __enter__(self) -> Self:
        try:
            self.migrate()
            self.start()
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @cached_property
    def environ(self) -> dict[str, str]:
        """The whole environment of the programs; holds secrets."""
        # PATH, HOME, the locale, the certificates: what any program needs to run on this machine.
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "STORYKEEP_"))}
        return ours | {"PYTHONUNBUFFERED": "1"} | self._configuration() | dict(self._settings)

    def _configuration(self) -> dict[str, str]:
        home = self.folder / "home"
        fernet = self._secrets.get("fernet_key", lambda: Fernet.generate_key().decode())
        session_key, jwt_secret = (self._secrets.get(name, _random_key) for name in ("session_key", "jwt_secret"))
        options = {
            "CORE__DAGS_FOLDER": str(self._dags),
            "CORE__PLUGINS_FOLDER": str(self._plugins),
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__FERNET_KEY": fernet.get_secret_value(),  # an empty key would mean no encryption
            "CORE__TEST_CONNECTION": "Disabled",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            # What a killed scheduler has left running is found after half a minute, not after the usual five minutes.
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            "DATABASE__SQL_ALCHEMY_CONN": uri(self._metadata, "postgresql+psycopg2"),
            "API__BASE_URL": self.url,
            "API__HOST": HOST,
            "API__PORT": self.url.rpartition(":")[2],
            "API__WORKERS": "1",
            "API__EXPOSE_CONFIG": "False",
            "API__SECRET_KEY": session_key.get_secret_value(),
            "API_AUTH__JWT_SECRET": jwt_secret.get_secret_value(),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "20",  # seconds until a new file in dags/ is seen
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {"AIRFLOW_HOME": str(home)} | {f"AIRFLOW__{name}": value for name, value in options.items()}

    @property
    def _passwords_file(self) -> Path:
        return self.folder / "passwords.json"

    def _prepare_folder(self) -> None:
        """Make the folder, closed to others: Airflow writes its logs and a configuration below it."""
        (self.folder / "home").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._passwords_file.touch(0o600)
        self._passwords_file.write_text(json.dumps(dict([self.login])))

    def _launch(self, program: str, options: list[str], patience: float = PATIENCE_SECONDS) -> None:
        command = [sys.executable, "-m", "airflow", program, *options]
        self._processes.launch(program, command, self.environ, patience=patience)

    def _wait_for(self, components: set[str], seconds: float) -> None:
        """Return when all `components` are healthy, and say which are as they come."""
        deadline = time.monotonic() + seconds
        while missing := components - self._healthy:
            self._processes.check()
            if time.monotonic() > deadline:
                raise StorykeepError(
                    f"after {seconds:.0f} s still not healthy: {', '.join(sorted(missing))}",
                    where="Airflow",
                    remedy=f"read the logs in {self._processes.folder}",
                )
            time.sleep(POLL_SECONDS)
            news = self.api.healthy() - self._healthy
            self._healthy |= news
            for component in sorted(news):
                self._say(f"Airflow: {component} is healthy")


def _random_key() -> str:
    return secrets.token_hex(32)
