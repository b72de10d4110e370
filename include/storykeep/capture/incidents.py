"""Tells an incident of the platform from what befell a single account.

When Meta is in trouble, or throttles in disguise, it answers many accounts at once that their stories are not there:
code 100/33, or an empty list. Of one account that may be the truth. Of many it is not, and nothing is concluded
from it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from storykeep.capture.asks import AskKey, key_of
from storykeep.capture.known import Known
from storykeep.graph.client import Answer
from storykeep.graph.errors import GoneError, RefusedError, WithheldError

# Two creators may well take their stories down, or the app's rights away, within one tick.
LEAST_ACCOUNTS = 3
# One account in so many of those whose answers tell something. Of 50 that are asked together that makes 13, which no
# coincidence brings about; disguised throttles were seen to strike nine of ten.
ONE_IN = 4


@dataclass(frozen=True)
class Evidence:
    """The accounts whose answers tell something, and those among them whose answers contradict what is known."""

    telling: frozenset[str]
    contradicting: frozenset[str]


Weigh = Callable[[Iterable[Answer], Mapping[str, Known]], Evidence]


def is_incident(evidence: Evidence) -> bool:
    """Whether so many accounts are contradicted that the platform is at fault."""
    count = len(evidence.contradicting)
    return count >= LEAST_ACCOUNTS and count * ONE_IN >= len(evidence.telling)


@dataclass
class Watch:
    """Judges the chunks of one kind of asks in one tick, each by itself and together with those before it.

    By itself, so that an incident which begins within a large tick is seen; together, since a chunk of a few accounts
    tells little.
    """

    _telling: set[str] = field(default_factory=set)
    _contradicting: set[str] = field(default_factory=set)

    def judge(self, evidence: Evidence) -> bool:
        """Take in the evidence of one more chunk; whether that chunk is part of an incident."""
        self._telling |= evidence.telling
        self._contradicting |= evidence.contradicting
        so_far = Evidence(frozenset(self._telling), frozenset(self._contradicting))
        return bool(evidence.contradicting) and (is_incident(evidence) or is_incident(so_far))


def suspects(answers: Iterable[Answer]) -> list[Answer]:
    """The answers that say that nothing is there."""
    return [answer for answer in answers if isinstance(answer.error, GoneError) or is_empty(answer)]


def is_empty(answer: Answer) -> bool:
    """Whether the answer is a list without an item, and not merely the end of one."""
    return isinstance(answer.body, dict) and answer.body.get("data") == [] and "after" not in answer.ask.params


def of_listings(answers: Iterable[Answer], known: Mapping[str, Known]) -> Evidence:
    """What the answers to listings say of the platform.

    An empty list tells something only where stories are known to run. An account that has not been listed well for a
    day tells nothing, as it may be lost for good; unless that holds for all, when something else must be the matter.
    """
    fine: set[str] = set()
    gone: set[str] = set()
    empty: set[str] = set()
    quiet: set[str] = set()  # an empty list of an account without known stories
    for answer in answers:
        account_id = key_of(answer.ask).account_id
        if isinstance(answer.error, GoneError):
            gone.add(account_id)
        elif is_empty(answer):
            (empty if known.get(account_id, Known()).shown else quiet).add(account_id)
        elif answer.error is None:
            fine.add(account_id)
    contradicting = (gone & known.keys()) | empty or (set() if fine or quiet else gone)
    return Evidence(frozenset(fine | contradicting), frozenset(contradicting))


def of_readings(answers: Iterable[Answer], known: Mapping[str, Known]) -> Evidence:
    """What the answers to readings say of the platform, about stories that the last good listing showed."""
    fine, contradicting = set(), set()
    for answer in answers:
        key = key_of(answer.ask)
        of_account = known.get(key.account_id, Known())
        if isinstance(answer.error, GoneError):
            contradicting |= {key.account_id} if key.story_id in of_account.shown else set()
        elif is_empty(answer):
            contradicting |= {key.account_id} if key.story_id in of_account.read else set()
        elif answer.error is None or isinstance(answer.error, WithheldError | RefusedError):
            fine.add(key.account_id)
    return Evidence(frozenset(fine | contradicting), frozenset(contradicting))


def disbelieved(answers: Collection[Answer], evidence: Evidence) -> frozenset[AskKey]:
    """What is not to be believed of a chunk that is part of an incident: all that is gone.

    And every empty list, when such a list contradicts what is known: it proves nothing of the other accounts either.
    """
    found = suspects(answers)
    lies = [answer for answer in found if is_empty(answer) and key_of(answer.ask).account_id in evidence.contradicting]
    return frozenset(key_of(answer.ask) for answer in found if lies or isinstance(answer.error, GoneError))
