"""Tells clearly when the folder for results, reports and logs cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager

from storykeep.errors import StorykeepError
from storykeep.settings import Settings


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Make the work folder and let the block write into it. Raises StorykeepError naming the path that refuses."""
    try:
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorykeepError(
            error.strerror or str(error),
            where=str(error.filename or settings.work_dir),
            remedy="make it writable, or name another folder in STORYKEEP_WORK_DIR",
        ) from None
