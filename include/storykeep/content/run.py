"""One run over the content: like a tick of capture, but it asks only where there is room to spare."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from storykeep.accounts import registry
from storykeep.capture.asks import AskKey
from storykeep.capture.tick import Tick
from storykeep.content.planner import Day, Subject
from storykeep.graph.client import Ask


@dataclass(frozen=True)
class ContentKey(AskKey):
    """What an ask is about: a subject of an account and, where there is one, a post (its id is `story_id`) or a day."""

    subject: Subject = "posts"
    day: Day | None = None

    @property
    def unit(self) -> "ContentKey":
        """What is answered as a whole: the post, day or audience that the metric group belongs to."""
        return replace(self, group="")


def content_key(ask: Ask) -> ContentKey:
    """What this ask is about. Raises TypeError for an ask that is not one of a content run's own."""
    if not isinstance(ask.key, ContentKey):
        raise TypeError(f"not an ask of a content run: {ask.key!r}")
    return ask.key


@dataclass
class ContentRun(Tick):
    """A tick that leaves stories alone. `spared` are the accounts that were not asked, for the sake of their stories.

    Posts do not vanish: where a pool is nearly full, everything waits until it is not.
    """

    spared: set[str] = field(default_factory=set)

    def look(self, account_ids: Iterable[str]) -> None:
        """Look at the pools of these accounts, and at who is still to be asked: a run is longer than a tick."""
        account_ids = list(account_ids)
        super().look(account_ids)
        willing = registry.pools_of_captured(self.conn, list(self.clients))
        self.lost.update(account_id for account_id in account_ids if account_id not in willing)

    def _may_send(self, ask: Ask, is_sweep: bool) -> bool:
        account_id = content_key(ask).account_id
        if self.standing.paced & self.pools_of(account_id):
            self.spared.add(account_id)
            return False
        return super()._may_send(ask, is_sweep)
