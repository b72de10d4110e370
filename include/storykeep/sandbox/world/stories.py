"""The stories of the world: a function of seed, account and day.

Live broadcasts and reshared stories are not among them: the API never lists those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import Literal

from storykeep.sandbox.world.accounts import Account, World
from storykeep.sandbox.world.campaigns import Campaign
from storykeep.sandbox.world.curves import Growth, grow
from storykeep.sandbox.world.ids import IdSpace, draw, fraction, ig_id, shortcode

LIFE = timedelta(hours=24)

_FIRST_DAY = date(2020, 1, 1)
_DAY_BITS, _FRAME_BITS = 14, 7
_SHARE_TINY, _SHARE_WITHOUT_MEDIA, _SHARE_VIDEO, _SHARE_CAPTION, _SHARE_TAGGED = 0.05, 0.03, 0.4, 0.35, 0.6
_CAPTIONS = (
    "Good morning ☕",
    "New week, new plans",
    "Where should I go next?",
    "Swipe for the recipe",
    "Behind the scenes today",
    "Q&A tonight, ask me anything",
    "Golden hour 🌅",
    "Obsessed with this",
)
_DECOYS = (" #ad", " #slowsunday", " @friend.of.mine", "")
# one story in so many, by the random bits of its ig_id
_UNUSUAL_APART, _WITHOUT_THUMBNAIL_APART, _ON_FACEBOOK_APART = 43, 19, 7
# what stands before some captions: right-to-left text, joined emoji, zero-width signs, line ends, great length
_UNUSUAL = (
    "صباح الخير ☀️",
    "\u202bשבת שלום\u202c",
    "👩🏽‍🍳👨‍👩‍👧‍👦🏳️‍🌈",
    "wait\u200b for\u200d it\ufeff",
    "First line\n\tsecond\r\nthird",
    '"Quoted", =1+1; <b>bold</b> \\ 100 %',
    "So much to say. " * 120,
)
_FIRST_STORYTELLER, _STORYTELLERS_APART = 20, 41
_LONG_DAY = (60, 100)
_DAYS_BETWEEN_LONG_ONES = 10


@dataclass(slots=True)  # a frozen one takes far longer to make
class Story:
    """One story; `has_media` is False for copyrighted ones, whose media_url the API leaves out.

    Few videos have no thumbnail.
    """

    story_id: str
    ig_id: str
    shortcode: str
    account: Account
    posted_at: datetime
    media_type: Literal["IMAGE", "VIDEO"]
    caption: str | None
    has_media: bool
    has_thumbnail: bool
    growth: Growth

    @property
    def expires_at(self) -> datetime:
        """The end of its life."""
        return self.posted_at + LIFE

    def numbers(self, at: datetime) -> dict[str, int]:
        """Its counts at that moment, which stand still after its life."""
        return self.growth.numbers(min(at - self.posted_at, LIFE))

    def viewers(self, at: datetime) -> int:
        """Its distinct viewers at that moment."""
        return self.growth.viewers(min(at - self.posted_at, LIFE))


class Stories:
    """All stories that were live at the world's start or are posted later, made when asked for."""

    def __init__(self, world: World, campaigns: tuple[Campaign, ...]) -> None:
        self._world, self._first = world, world.start - LIFE
        self._ids = IdSpace(18_000_000_000_000_000, 14, world.seed)
        self._parts: dict[int, list[tuple[Campaign, datetime, datetime]]] = {}
        for campaign in campaigns:
            for part in campaign.participants:
                self._parts.setdefault(part.number, []).append((campaign, part.since, part.until))
        self._of_day = lru_cache(maxsize=1 << 15)(self._make_day)

    def live(self, account: Account, at: datetime) -> list[Story]:
        """The stories that `/stories` shows at a moment, newest first."""
        first = at - LIFE
        return [story for story in self._between(account, first, at) if first < story.posted_at <= at][::-1]

    def posted_until(self, at: datetime) -> Iterator[Story]:
        """Every story of every account that was posted up to a moment, by account and time."""
        for account in self._world.accounts():
            for story in self._between(account, self._first, at):
                if story.posted_at <= at:
                    yield story

    def find(self, story_id: str) -> Story | None:
        """The story of an id, posted yet or not."""
        number = self._ids.decode(story_id)
        if number is None:
            return None
        account_number, day = divmod(number >> _FRAME_BITS, 1 << _DAY_BITS)
        if account_number >= self._world.size:
            return None
        return next((story for story in self._of_day(account_number, day) if story.story_id == story_id), None)

    def _id(self, account_number: int, day: int, frame: int) -> str:
        return self._ids.encode(((account_number << _DAY_BITS | day) << _FRAME_BITS) | frame)

    def _between(self, account: Account, first: datetime, last: datetime) -> Iterator[Story]:
        offset = timedelta(hours=account.utc_offset)
        for day in range(_day_number(first + offset), _day_number(last + offset) + 1):
            yield from self._of_day(account.number, day)

    def _make_day(self, account_number: int, day: int) -> tuple[Story, ...]:
        """The stories of an account on one of its local days, oldest first."""
        account = self._world.account(account_number)
        rng = draw(self._world.seed, "day", account_number, day)
        midnight = datetime.combine(_FIRST_DAY + timedelta(days=day), time(), UTC) - timedelta(hours=account.utc_offset)
        frames = rng.randint(*(_LONG_DAY if _is_long(account_number, day) else (1, account.busiest_day)))
        seconds = sorted({int(rng.triangular(7, 23.5, 18) * 3600) for _ in range(frames)})  # never two at once
        stories = [
            self._make_story(rng, account, self._id(account_number, day, frame), midnight + timedelta(seconds=second))
            for frame, second in enumerate(seconds)
        ]
        return tuple([story for story in stories if story.posted_at > self._first])

    def _make_story(self, rng: Random, account: Account, story_id: str, posted_at: datetime) -> Story:
        number = ig_id(posted_at, rng.randint(5_000, 12_000), rng.getrandbits(23))
        media_type: Literal["IMAGE", "VIDEO"] = "VIDEO" if rng.random() < _SHARE_VIDEO else "IMAGE"
        return Story(
            story_id=story_id,
            ig_id=str(number),
            shortcode=shortcode(number),
            account=account,
            posted_at=posted_at,
            media_type=media_type,
            caption=_unusual(self._caption(rng, account, posted_at), number),
            has_media=rng.random() >= _SHARE_WITHOUT_MEDIA,
            has_thumbnail=media_type == "VIDEO" and number % _WITHOUT_THUMBNAIL_APART != 0,
            growth=grow(
                rng,
                audience=account.audience,
                half_life=account.half_life,
                tiny=rng.random() < _SHARE_TINY,
                counts_replies=account.counts_replies,
                facebook_share=_facebook_share(account, number),
            ),
        )

    def _caption(self, rng: Random, account: Account, posted_at: datetime) -> str | None:
        """Often none; in a running campaign with rules, usually one that follows a rule."""
        text, tagged = rng.choice(_CAPTIONS), rng.random() < _SHARE_TAGGED
        running = [
            campaign
            for campaign, since, until in self._parts.get(account.number, ())
            if campaign.rules and since <= posted_at < until
        ]
        if running and tagged:
            return f"{text} {rng.choice(rng.choice(running).rules).text}"
        return text + rng.choice(_DECOYS) if rng.random() < _SHARE_CAPTION else None


def _is_long(account_number: int, day: int) -> bool:
    """Whether an account tells a long sequence on that day: one account in 41, every tenth day."""
    turn, place = divmod(account_number - _FIRST_STORYTELLER, _STORYTELLERS_APART)
    return turn >= 0 and place == 0 and (day - turn) % _DAYS_BETWEEN_LONG_ONES == 0


def _unusual(caption: str | None, number: int) -> str | None:
    """A caption, at times after text that is hard to store."""
    place = number % _UNUSUAL_APART
    return f"{_UNUSUAL[place]} {caption}" if caption and place < len(_UNUSUAL) else caption


def _facebook_share(account: Account, number: int) -> float:
    """Views on Facebook per view on Instagram; 0 for most stories, which are not shared to the Page."""
    is_shared = account.flavour == "facebook" and number % _ON_FACEBOOK_APART == 0
    return 0.02 + fraction("facebook", number) * 0.2 if is_shared else 0.0


def _day_number(at: datetime) -> int:
    return (at.date() - _FIRST_DAY).days
