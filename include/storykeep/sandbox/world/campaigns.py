"""Brands and campaigns of the world, and the file that imports them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Literal

import yaml

from storykeep.sandbox.world.accounts import World
from storykeep.sandbox.world.ids import draw

_NOMINAL_DAYS = 14
_MOST_PARTICIPANTS = 60


@dataclass(frozen=True)
class Brand:
    """Who pays for campaigns."""

    brand_id: str
    name: str
    time_zone: str
    currency: str


@dataclass(frozen=True)
class Rule:
    """What in a caption ties a story to a campaign."""

    kind: Literal["hashtag", "mention"]
    value: str

    @property
    def text(self) -> str:
        """The rule as a caption carries it."""
        return ("#" if self.kind == "hashtag" else "@") + self.value


@dataclass(frozen=True)
class Participation:
    """An account's part in a campaign, from (inclusive) to (exclusive); `fee` is None where only the cost is known."""

    number: int
    username: str
    since: datetime
    until: datetime
    fee: int | None


@dataclass(frozen=True)
class Deliverable:
    """What one participant promised to publish or, without a username, what each of them did."""

    deliverable_id: str
    username: str | None
    kind: Literal["story", "post", "reel"]
    quantity: int
    due_at: datetime


@dataclass(frozen=True)
class Campaign:
    """A brand's campaign; without rules every story of a participant counts.

    `links` count too. The API shows no story's link: only who captures a story by hand can tell it.
    """

    campaign_id: str
    brand: Brand
    name: str
    starts_at: datetime
    ends_at: datetime
    cost: int
    scope: Literal["participants", "all"]
    rules: tuple[Rule, ...]
    links: tuple[str, ...]
    participants: tuple[Participation, ...]
    deliverables: tuple[Deliverable, ...]


BRANDS = (
    Brand("lumen_skin", "Lumen Skin", "Europe/Berlin", "EUR"),
    Brand("northtrail", "Northtrail Outdoor", "America/New_York", "USD"),
    Brand("kettle_oat", "Kettle & Oat", "Europe/London", "GBP"),
)


@dataclass(frozen=True)
class _Promise:
    """A deliverable that is due at a share of the campaign; of its first participant, or of each."""

    kind: Literal["story", "post", "reel"]
    quantity: int
    due: float
    of_the_first: bool = False


@dataclass(frozen=True)
class _Plan:
    """A campaign of any world; `first` and `last` are shares of its history, `fees` those of the first participants."""

    campaign_id: str
    brand: Brand
    name: str
    first: float
    last: float
    cost: int
    rules: tuple[Rule, ...] = ()
    links: tuple[str, ...] = ()
    scope: Literal["participants", "all"] = "participants"
    fees: tuple[int, ...] = ()
    promises: tuple[_Promise, ...] = ()


_LUMEN, _NORTHTRAIL, _KETTLE = BRANDS
_PLANS = (
    _Plan(
        *("lumen_ambassadors", _LUMEN, "Lumen ambassadors", 0.0, 2.0, 6400),
        promises=(_Promise("story", 4, 0.25), _Promise("story", 12, 1.0)),
    ),
    _Plan(
        *("lumen_glow_week", _LUMEN, "Glow Week", 0.1, 0.6, 3200),
        rules=(Rule("hashtag", "glowweek"),),
        fees=(900, 750),
        promises=(_Promise("story", 3, 1.0), _Promise("reel", 1, 0.75, of_the_first=True)),
    ),
    _Plan(
        *("northtrail_first_snow", _NORTHTRAIL, "First Snow", 0.25, 0.9, 5000),
        rules=(Rule("mention", "northtrail.outdoor"),),
        links=("northtrail.example/first-snow",),
        promises=(_Promise("story", 2, 0.5),),
    ),
    _Plan(
        *("northtrail_layers", _NORTHTRAIL, "Layer Up", 0.5, 1.5, 4100),
        rules=(Rule("hashtag", "layerup"), Rule("mention", "northtrail.outdoor")),
    ),
    _Plan(
        *("kettle_breakfast", _KETTLE, "Slow Breakfast", 0.3, 1.25, 2700),
        rules=(Rule("hashtag", "slowbreakfast"),),
        promises=(_Promise("post", 1, 1.0),),
    ),
    # Nobody takes part in it: it is whoever says so, of its own accord.
    _Plan(
        *("kettle_slow_sunday", _KETTLE, "Slow Sunday", 0.0, 1.5, 600),
        rules=(Rule("hashtag", "slowsunday"),),
        scope="all",
    ),
)


def campaigns_of(world: World) -> tuple[Campaign, ...]:
    """The six campaigns of a world."""
    return tuple(_campaign(world, plan) for plan in _PLANS)


def _campaign(world: World, plan: _Plan) -> Campaign:
    span = timedelta(days=max(world.history_days, _NOMINAL_DAYS))
    starts_at = (world.start + span * plan.first).replace(minute=0, second=0, microsecond=0)
    ends_at = (world.start + span * plan.last).replace(minute=0, second=0, microsecond=0)
    participants = _participants(world, plan, starts_at, ends_at) if plan.scope == "participants" else ()
    deliverables = tuple(
        Deliverable(
            deliverable_id=f"{promise.kind}_{number}",
            username=participants[0].username if promise.of_the_first else None,
            kind=promise.kind,
            quantity=promise.quantity,
            due_at=(starts_at + (ends_at - starts_at) * promise.due).replace(microsecond=0),
        )
        for number, promise in enumerate(plan.promises, start=1)
    )
    return Campaign(
        campaign_id=plan.campaign_id,
        brand=plan.brand,
        name=plan.name,
        starts_at=starts_at,
        ends_at=ends_at,
        cost=plan.cost,
        scope=plan.scope,
        rules=plan.rules,
        links=plan.links,
        participants=participants,
        deliverables=deliverables,
    )


def _participants(world: World, plan: _Plan, starts_at: datetime, ends_at: datetime) -> tuple[Participation, ...]:
    """The first dozen accounts, troubled ones among them, or about every third; one in four joins late."""
    rng = draw(world.seed, "participants", plan.campaign_id)
    everyone = not plan.rules
    size = min(world.size, 12) if everyone else min(world.size, max(3, world.size // 3), _MOST_PARTICIPANTS)
    numbers = range(size) if everyone else sorted(rng.sample(range(world.size), size))
    third = (ends_at - starts_at) / 3
    late = third - timedelta(microseconds=third.microseconds)
    return tuple(
        Participation(
            number=number,
            username=world.account(number).username,
            since=starts_at + (late if rng.random() < 0.25 else timedelta()),
            until=ends_at,
            fee=fee,
        )
        for number, fee in zip(numbers, chain(plan.fees, repeat(None)), strict=False)
    )


def campaigns_yaml(campaigns: tuple[Campaign, ...]) -> str:
    """Brands and campaigns in the form that `storykeep campaigns import` reads."""
    document = {
        "brands": [vars(brand) for brand in BRANDS],
        "campaigns": [_as_document(campaign) for campaign in campaigns],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _as_document(campaign: Campaign) -> dict[str, object]:
    return {
        "campaign_id": campaign.campaign_id,
        "brand_id": campaign.brand.brand_id,
        "name": campaign.name,
        "starts_at": campaign.starts_at.isoformat(),
        "ends_at": campaign.ends_at.isoformat(),
        "cost": campaign.cost,
        "currency": campaign.brand.currency,
        "scope": campaign.scope,
        "rules": [
            *(vars(rule) for rule in campaign.rules),
            *({"kind": "link", "value": link} for link in campaign.links),
        ],
        "participants": [
            {"username": one.username, "from": one.since.isoformat(), "to": one.until.isoformat(), "fee": one.fee}
            for one in campaign.participants
        ],
        "deliverables": [vars(one) | {"due_at": one.due_at.isoformat()} for one in campaign.deliverables],
    }
