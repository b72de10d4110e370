"""Programs that run beside this one, ended with everything that they started.

Each gets a session of its own, and a session is what is ended: Airflow's workers give every task a process group of
its own, which a signal to the parent's group does not reach. The sessions are recorded on disk, so that what a killed
run left behind can be ended by the next one.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from storykeep.errors import StorykeepError

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 3.0


class Session(NamedTuple):
    """What is known of a program that was launched: enough to end it, and not to mistake another one for it."""

    leader: int
    created: float
    patience: float


class Processes:
    """The programs whose logs and whose record are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = folder / "processes.json"
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def launch(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], *, patience: float = PATIENCE_SECONDS
    ) -> None:
        """Start `command` with exactly this environment; what it prints goes to its log.

        `patience` is how many seconds it may take to end in good order when it is stopped.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=self.folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[name] = child
        session = Session(child.pid, psutil.Process(child.pid).create_time(), patience)
        self._remember(self._recorded() | {name: session})

    def log(self, name: str) -> Path:
        """The file with all that the program has printed."""
        return self.folder / f"{name}.log"

    def check(self) -> None:
        """Raise StorykeepError, with the end of its log, when a program that was launched has ended by itself."""
        for name, child in self._children.items():
            if child.poll() is not None:
                lines = self.log(name).read_text(errors="replace").strip().splitlines()
                raise StorykeepError(
                    f"{name} ended with status {child.returncode}: {' | '.join(lines[-3:])}",
                    where=str(self.log(name)),
                    remedy="read that log",
                )

    def stop(self) -> None:
        """End all programs, the last one first: politely, and by force when their patience is over."""
        for name, session in reversed(self._recorded().items()):
            _end(session)
            child = self._children.pop(name, None)
            if child:
                child.wait()
        self._record.unlink(missing_ok=True)

    def _recorded(self) -> dict[str, Session]:
        try:
            return {name: Session(*session) for name, session in json.loads(self._record.read_text()).items()}
        except FileNotFoundError:
            return {}

    def _remember(self, sessions: Mapping[str, Session]) -> None:
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(sessions))
        fresh.replace(self._record)


def _end(session: Session) -> None:
    deadline = time.monotonic() + session.patience
    for leader in _leader(session):
        leader.terminate()  # it ends its own children in good order
    while _leader(session) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    while members := _members(session):
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(POLL_SECONDS)


def _leader(session: Session) -> list[psutil.Process]:
    return [process for process in _members(session) if process.pid == session.leader]


def _members(session: Session) -> list[psutil.Process]:
    """The living processes of a session."""
    if _is_another(session):
        return []
    return [process for pid in psutil.pids() if (process := _member(pid, session.leader))]


def _is_another(session: Session) -> bool:
    """Whether the leader's number was given to a new process, which happens only once the whole session has ended."""
    try:
        return bool(psutil.Process(session.leader).create_time() != session.created)
    except psutil.NoSuchProcess:
        return False


def _member(pid: int, leader: int) -> psutil.Process | None:
    try:
        if os.getsid(pid) != leader:
            return None
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (ProcessLookupError, PermissionError, psutil.Error):
        return None
