"""Brands and campaigns as a campaigns file tells them, checked."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from storykeep.campaigns.values import (
    Address,
    Currency,
    Handle,
    Money,
    Quantity,
    Text,
    Time,
    TimeZone,
    fault,
    link,
    word,
)


class Part(BaseModel):
    """A part of a campaigns file. Keys that it does not know are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(Part):
    """Who pays for campaigns. Days are cut in its time zone; `contact` is told of the trouble of its creators."""

    brand_id: Text
    name: Text
    time_zone: TimeZone
    currency: Currency
    contact: Address | None = None


class Rule(Part):
    """What ties a story to a campaign: a word of its caption, or where its link leads.

    `value` is in one form: a hashtag or handle in lower case and without # or @, or a host with or without a path.
    """

    kind: Literal["hashtag", "mention", "link"]
    value: str

    @field_validator("value")
    @classmethod
    def _in_one_form(cls, value: str, info: ValidationInfo) -> str:
        if "kind" not in info.data:  # which is told already
            return value
        return link(value) if info.data["kind"] == "link" else word(value)


class Participant(Part):
    """An account's part in a campaign, from (inclusive) to (exclusive), and what it was paid for it."""

    username: Handle
    valid_from: Time = Field(alias="from")
    valid_to: Time = Field(alias="to")
    fee: Money | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        return _refuse_backwards(self, "from", self.valid_from, "to", self.valid_to)


class Deliverable(Part):
    """What a participant promised to publish by a moment; without a username, what each of them did."""

    deliverable_id: Text
    username: Handle | None = None
    kind: Literal["story", "post", "reel"]
    quantity: Quantity
    due_at: Time


class Campaign(Part):
    """A brand's campaign from its start (inclusive) to its end (exclusive).

    With scope `participants` the stories of its participants can count: those that a rule matches, or all of them when
    there is no rule. With scope `all` every connected account's can, and there is a rule.
    """

    campaign_id: Text
    brand_id: Text
    name: Text
    starts_at: Time
    ends_at: Time
    cost: Money | None = None
    currency: Currency
    scope: Literal["participants", "all"] = "participants"
    rules: tuple[Rule, ...] = ()
    participants: tuple[Participant, ...]
    deliverables: tuple[Deliverable, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for one in self.deliverables:
            if one.due_at <= self.starts_at:
                raise fault(f"{one.deliverable_id!r} is due before the campaign starts", "correct its due_at")
        return _refuse_backwards(self, "starts_at", self.starts_at, "ends_at", self.ends_at)

    @model_validator(mode="after")
    def _once(self) -> Self:
        _refuse_repeated("the rule", (f"{rule.kind} {rule.value}" for rule in self.rules))
        _refuse_repeated("the deliverable", (one.deliverable_id for one in self.deliverables))
        by_start = sorted(self.participants, key=lambda one: (one.username, one.valid_from))
        for one, following in pairwise(by_start):
            if one.username == following.username and following.valid_from < one.valid_to:
                raise fault(f"the times of participant @{one.username} overlap", "make them one, or keep them apart")
        return self

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.scope == "all" and not self.rules:
            raise fault(
                "scope all without rules would take every story of every account", "add a rule, or leave out scope"
            )
        return self

    @model_validator(mode="after")
    def _promised_by_participants(self) -> Self:
        taking_part = {one.username for one in self.participants}
        for one in self.deliverables:
            if one.username and one.username not in taking_part:
                raise fault(
                    f"@{one.username} promised {one.deliverable_id!r} and takes no part", "add it under participants"
                )
        return self


P = TypeVar("P", bound=Part)


def _refuse_backwards(part: P, first: str, start: datetime, last: str, end: datetime) -> P:
    if start >= end:
        raise fault(f"{first} is not before {last}", f"{last} is exclusive and later than {first}")
    return part


def _refuse_repeated(what: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise fault(f"{what} {name} stands {times} times", "keep it once")
