"""Brands and campaigns of the world, and the file that imports them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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
    """An account's part in a campaign, from (inclusive) to (exclusive)."""

    number: int
    username: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Campaign:
    """A brand's campaign; without rules every story of a participant counts."""

    campaign_id: str
    brand: Brand
    name: str
    starts_at: datetime
    ends_at: datetime
    cost: int
    rules: tuple[Rule, ...]
    participants: tuple[Participation, ...]


BRANDS = (
    Brand("lumen_skin", "Lumen Skin", "Europe/Berlin", "EUR"),
    Brand("northtrail", "Northtrail Outdoor", "America/New_York", "USD"),
    Brand("kettle_oat", "Kettle & Oat", "Europe/London", "GBP"),
)

# id, brand, name, first and last moment as shares of the history, cost, rules
_PLANS: tuple[tuple[str, int, str, float, float, int, tuple[Rule, ...]], ...] = (
    ("lumen_ambassadors", 0, "Lumen ambassadors", 0.0, 2.0, 6400, ()),
    ("lumen_glow_week", 0, "Glow Week", 0.1, 0.6, 3200, (Rule("hashtag", "glowweek"),)),
    ("northtrail_first_snow", 1, "First Snow", 0.25, 0.9, 5000, (Rule("mention", "northtrail.outdoor"),)),
    (
        "northtrail_layers",
        1,
        "Layer Up",
        0.5,
        1.5,
        4100,
        (Rule("hashtag", "layerup"), Rule("mention", "northtrail.outdoor")),
    ),
    ("kettle_breakfast", 2, "Slow Breakfast", 0.3, 1.25, 2700, (Rule("hashtag", "slowbreakfast"),)),
)


def campaigns_of(world: World) -> tuple[Campaign, ...]:
    """The five campaigns of a world."""
    return tuple(_campaign(world, *plan) for plan in _PLANS)


def _campaign(
    world: World, campaign_id: str, brand: int, name: str, first: float, last: float, cost: int, rules: tuple[Rule, ...]
) -> Campaign:
    span = timedelta(days=max(world.history_days, _NOMINAL_DAYS))
    starts_at = (world.start + span * first).replace(minute=0, second=0, microsecond=0)
    ends_at = (world.start + span * last).replace(minute=0, second=0, microsecond=0)
    participants = _participants(world, campaign_id, starts_at, ends_at, everyone=not rules)
    return Campaign(campaign_id, BRANDS[brand], name, starts_at, ends_at, cost, rules, participants)


def _participants(
    world: World, campaign_id: str, starts_at: datetime, ends_at: datetime, everyone: bool
) -> tuple[Participation, ...]:
    """The first dozen accounts, troubled ones among them, or about every third; one in four joins late."""
    rng = draw(world.seed, "participants", campaign_id)
    size = min(world.size, 12) if everyone else min(world.size, max(3, world.size // 3), _MOST_PARTICIPANTS)
    numbers = range(size) if everyone else sorted(rng.sample(range(world.size), size))
    third = (ends_at - starts_at) / 3
    late = third - timedelta(microseconds=third.microseconds)
    return tuple(
        Participation(
            number, world.account(number).username, starts_at + (late if rng.random() < 0.25 else timedelta()), ends_at
        )
        for number in numbers
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
        "rules": [vars(rule) for rule in campaign.rules],
        "participants": [
            {"username": one.username, "from": one.since.isoformat(), "to": one.until.isoformat()}
            for one in campaign.participants
        ],
    }
