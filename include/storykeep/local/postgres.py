"""The embedded Postgres: a real server from an installed package, on a free port of 127.0.0.1.

It holds two databases, `airflow` for Airflow's metadata and `warehouse` for everything of ours. Every login has a
generated password and every connection proves it (scram); there is no Unix socket and no trusted way in.
"""

import shutil
from functools import cached_property
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil

from storykeep.errors import StorykeepError
from storykeep.local.logins import ensure_logins
from storykeep.local.ports import HOST, free_port
from storykeep.local.secret_file import SecretFile
from storykeep.local.server_user import ServerUser
from storykeep.settings import PostgresSettings

WHERE = "embedded Postgres"
CONFIG = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",  # four Airflow processes with a pool each, their tasks, dbt's threads and a BI tool
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A crash may cost the last commits or the whole cluster: for tests, which begin anew anyway.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
STARTS = 3


def uri(login: PostgresSettings, scheme: str = "postgresql") -> str:
    """`login` as a URI, password included, for programs that are configured by one."""
    user, password = quote(login.user, safe=""), quote(login.password.get_secret_value(), safe="")
    return f"{scheme}://{user}:{password}@{login.host}:{login.port}/{quote(login.database, safe='')}"


class EmbeddedPostgres:
    """One server whose data is in `folder`. A context manager: started on entry, stopped on exit.

    `durable=False` trades crash safety for speed. The port of the logins is known once the server has been started.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.port = 0
        self._config = CONFIG if durable else CONFIG | FORGETFUL
        self._secrets = SecretFile(self.folder / "secrets.json")
        self._user = ServerUser.choose()

    @property
    def host(self) -> str:
        """The address that it listens on: this machine only."""
        return HOST

    @property
    def airflow(self) -> PostgresSettings:
        """The login that owns Airflow's metadata."""
        return self._login("airflow", "airflow")

    @property
    def warehouse(self) -> PostgresSettings:
        """The login of Storykeep itself, with no right of its own beyond the roles it is given."""
        return self._login("warehouse", "warehouse")

    @property
    def warehouse_admin(self) -> PostgresSettings:
        """The login that makes roles and owns the warehouse database; not a superuser."""
        return self._login("warehouse_admin", "warehouse")

    @property
    def superuser(self) -> PostgresSettings:
        """The login that comes with the server and makes the others."""
        return self._login("postgres", "postgres")

    def start(self) -> Self:
        """Start the server and make what is missing; one that runs already is left as it is.

        Raises StorykeepError, with the end of the server's log, when it cannot be started.
        """
        try:
            self._user.room(self.folder / "postgres")
            self._initialise()
            self.port = self._running_port() or self._launch()
        except OSError as error:
            raise StorykeepError(f"{error}", where=WHERE, remedy=f"check who owns {self.folder}") from error
        ensure_logins(self.superuser, self.airflow, self.warehouse_admin, self.warehouse)
        return self

    def stop(self) -> None:
        """Stop the server, whoever started it, ending its sessions. Nothing happens when it does not run."""
        process = self._postmaster()
        if process is None:
            return
        done = self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", "60")
        if done.returncode and process.is_running():
            process.kill()  # the next start recovers from the write-ahead log
            process.wait(10)

    def remove(self) -> None:
        """Stop the server and delete its data and its secrets."""
        self.stop()
        shutil.rmtree(self._room, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def _room(self) -> Path:
        return (self.folder / "postgres").resolve()

    @property
    def _data(self) -> Path:
        return self._room / "data"

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    @cached_property
    def _programs(self) -> Path:
        return self._user.programs(self._room)

    def _login(self, user: str, database: str) -> PostgresSettings:
        return PostgresSettings(HOST, self.port, user, self._secrets.get(f"postgres_{user}"), database)

    def _run(self, program: str, *arguments: str) -> CompletedProcess[str]:
        return self._user.run([str(self._programs / program), *arguments], cwd=self._room)

    def _initialise(self) -> None:
        """Make the cluster where there is none, in a folder that gets its name only when it is whole."""
        if self._data.is_dir():
            return
        partial = self._room / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        password = self._room / "password"
        password.touch(0o600)
        password.write_text(self.superuser.password.get_secret_value())
        self._user.own(password)
        # The built-in C.UTF-8 sorts the same on every machine, which the system's locales do not.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["-U", self.superuser.user, "--pwfile", str(password), "--auth=scram-sha-256"]
        try:
            done = self._run("initdb", "-D", str(partial), *access, *locale)
        finally:
            password.unlink()
        if done.returncode:
            raise StorykeepError(f"initdb failed: {_end(done.stdout)}", where=WHERE)
        partial.rename(self._data)

    def _launch(self) -> int:
        """Start the server on a free port, the one it had before if possible, and return the port."""
        remembered, log = self._room / "port", self._room / "server.log"
        port = free_port(int(remembered.read_text()) if remembered.is_file() else 0)
        for _ in range(STARTS):  # between finding a port free and binding it, another program may take it
            log.unlink(missing_ok=True)
            options = " ".join(f"-c {name}='{value}'" for name, value in (self._config | {"port": str(port)}).items())
            begun = self._run("pg_ctl", "start", "-D", str(self._data), "-l", str(log), "-w", "-t", "60", "-o", options)
            if begun.returncode == 0:
                remembered.write_text(str(port))
                return port
            port = free_port()
        raise StorykeepError(
            f"the server does not start: {_end(log.read_text() if log.is_file() else begun.stdout)}",
            where=WHERE,
            remedy=f"read {log}; to start afresh: make clean",
        )

    def _running_port(self) -> int | None:
        """The port of the server that runs on this data; the pid file of a crashed one is removed."""
        if self._postmaster() is None:
            # Postgres clears its own leftovers, except when another process of this user has got the old pid.
            self._pid_file.unlink(missing_ok=True)
            return None
        return int(self._pid_file.read_text().splitlines()[3])

    def _postmaster(self) -> psutil.Process | None:
        """The process of the server that runs on this data, if one does."""
        try:
            process = psutil.Process(int(self._pid_file.read_text().split()[0]))
            ours = str(self._data) in process.cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return None
        return process if ours else None


def _end(text: str) -> str:
    """The last lines of a program's output, on one line."""
    return " | ".join(text.strip().splitlines()[-3:])
