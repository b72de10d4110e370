"""The generated secrets of a local installation, in one file that only its owner can read."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from storykeep.errors import StorykeepError


def random_password() -> str:
    """A password of 192 random bits that needs no quoting in a URL, a shell or a connection string."""
    return secrets.token_urlsafe(24)


class SecretFile:
    """Named secrets, each made when it is first asked for and the same from then on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str, make: Callable[[], str] = random_password) -> SecretStr:
        """The secret called `name`. Raises StorykeepError when the file is there but cannot be read."""
        known = self._read()
        if name not in known:
            known[name] = make()
            self._write(known)
        return SecretStr(known[name])

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise StorykeepError(
                "the generated secrets cannot be read", where=str(self.path), remedy="start afresh: make clean"
            ) from None

    def _write(self, known: dict[str, str]) -> None:
        """Replace the file in one step, so that a crash leaves the old secrets or the new ones."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(known, file)
        fresh.replace(self.path)
