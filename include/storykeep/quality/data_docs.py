"""Deletes the old results of the checkpoints and their pages."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from storykeep.quality import first_page
from storykeep.quality.work_dir import writing
from storykeep.settings import Settings

log = logging.getLogger(__name__)

# Of so many builds, the results stay.
BUILDS_KEPT = 50


def prune(settings: Settings) -> int:
    """Delete the results and the pages of all but the last 50 builds; returns of how many they were deleted.

    Raises StorykeepError when the folder cannot be written.
    """
    with writing(settings):
        checked = [
            *_checked(settings.work_dir / "validation_results", "*.json"),
            *_checked(settings.work_dir / "data_docs" / "validations", "*.html"),
        ]
        # Of a build that was checked more than once, the last time counts.
        last_checked = {build.name: time for time, build in sorted(checked, key=lambda found: found[0])}
        old = set(sorted(last_checked, key=last_checked.__getitem__, reverse=True)[BUILDS_KEPT:])
        for folder in {build for _, build in checked if build.name in old}:
            shutil.rmtree(folder)
        if old:
            first_page.write(settings)
    log.info("data docs: the results of %d builds were deleted", len(old))
    return len(old)


def _checked(root: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    """The time of each check and the folder of the build, in one suite: <suite>/<build>/<time>/<file>."""
    return ((file.parent.name, file.parent.parent) for file in root.rglob(pattern))
