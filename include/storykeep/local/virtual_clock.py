"""Moves the clock of a sandbox, over HTTP like anybody else."""

from datetime import datetime

import requests

from storykeep.errors import StorykeepError

TIMEOUT_SECONDS = 10


class VirtualClock:
    """The clock at `url`, over one kept connection."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def set(self, now: datetime) -> None:
        """POST {"now": TIME}. Raises StorykeepError when nobody takes it."""
        try:
            self._session.post(self._url, json={"now": now.isoformat()}, timeout=TIMEOUT_SECONDS).raise_for_status()
        except requests.RequestException as error:
            raise StorykeepError(
                f"the clock cannot be set: {error}",
                where=self._url,
                remedy="is the sandbox running (storykeep sandbox serve)?",
            ) from None
