"""Amid the long work of a tick, reads the stories that come into their last minutes meanwhile."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storykeep.capture.planner import SWEEP, StoryClock, sweeps
from storykeep.capture.reading import read_stories
from storykeep.capture.tick import Tick

# How long a story that has come into its last minutes may wait for other work.
EVERY = timedelta(seconds=30)


@dataclass
class Lookout:
    """Called between two chunks of other work, reads what must not wait for its end.

    `asked` are the stories that were asked for in this tick already: one that failed is left to the tick's end.
    """

    tick: Tick
    looked_at: datetime
    asked: set[str] = field(default_factory=set)

    def __call__(self) -> None:
        """Look once EVERY; otherwise do nothing."""
        now = self.tick.clock()
        if now - self.looked_at < EVERY:
            return
        self.looked_at = now
        self.read(sweeps(self._ending(now), now=now, since=self.tick.now))

    def read(self, stories: tuple[StoryClock, ...]) -> None:
        """Read these stories in their last minutes."""
        waiting = [story for story in stories if story.story_id not in self.asked]
        self.asked.update(story.story_id for story in waiting)
        read_stories(self.tick, waiting, are_sweeps=True)

    def _ending(self, now: datetime) -> list[StoryClock]:
        return self.tick.story_clocks(self.tick.connections, now, ending_by=now + SWEEP)
