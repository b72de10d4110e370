"""What the asks of a tick are about."""

from dataclasses import dataclass

from storykeep.graph.client import Ask
from storykeep.graph.metrics import MetricGroup


@dataclass(frozen=True)
class AskKey:
    """What an ask is about: an account, and for a reading its story and metric group."""

    account_id: str
    story_id: str = ""
    group: str = ""


def key_of(ask: Ask) -> AskKey:
    """What this ask is about. Raises TypeError for an ask that is not one of a tick's own."""
    if not isinstance(ask.key, AskKey):
        raise TypeError(f"not an ask of a tick: {ask.key!r}")
    return ask.key


def group_of(ask: Ask) -> MetricGroup:
    """The metrics that a reading's ask is for."""
    return MetricGroup(key_of(ask).group, tuple(ask.params["metric"].split(",")), ask.params.get("breakdown"))
