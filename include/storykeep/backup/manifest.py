"""The manifest: a small file beside a dump that says what the dump has to come to."""

import hashlib
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from storykeep.backup.proof import Proof
from storykeep.errors import StorykeepError


class Manifest(BaseModel, frozen=True):
    """What was dumped and when; `tables` are those of the very snapshot that the dump holds."""

    made_at: datetime
    database: str
    server_version: str
    revision: str
    dump_sha256: str
    tables: dict[str, Proof]

    @property
    def rows(self) -> int:
        """How many rows there are in all tables together."""
        return sum(table.rows for table in self.tables.values())


def beside(dump: Path) -> Path:
    """Where the manifest of a dump is."""
    return dump.with_name(f"{dump.name}.json")


def sha256(path: Path) -> str:
    """The hash of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(dump: Path) -> Manifest:
    """The manifest of a dump that is whole. Raises StorykeepError when either file is not what was written."""
    path = beside(dump)
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        is_whole = sha256(dump) == manifest.dump_sha256
    except OSError as error:
        raise StorykeepError(
            f"this file cannot be read ({error.strerror})",
            where=str(error.filename),
            remedy=f"a backup is two files: bring {dump.name} and {path.name} into one folder",
        ) from None
    except ValidationError:
        raise StorykeepError(
            "this is not the manifest of a dump", where=str(path), remedy="take the two files of one backup"
        ) from None
    if not is_whole:
        raise StorykeepError(
            "this dump is cut short or altered: its sha256 is not that of its manifest",
            where=str(dump),
            remedy="copy both files of the backup once more, or take another backup",
        )
    return manifest
