"""The storage of media files: a folder, or an object store."""

from pathlib import Path

from upath import UPath

from storykeep.errors import StorykeepError


def open_root(media_root: str) -> UPath:
    """The storage. Raises StorykeepError when there is none of this kind, or its library is not installed."""
    try:
        root = UPath(media_root)
        _ = root.fs if not isinstance(root, Path) else None
    except (ImportError, ValueError) as error:
        raise StorykeepError(
            str(error),
            where=f"STORYKEEP_MEDIA_ROOT={media_root}",
            remedy="install the library of this storage beside Storykeep (for s3:// it is s3fs), or name a folder",
        ) from None
    return root
