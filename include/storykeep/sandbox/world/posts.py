"""The feed of every account: images, videos, carousels and reels, each made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, overload

from storykeep.sandbox.world.accounts import Account, World
from storykeep.sandbox.world.curves import Growth, grow_post
from storykeep.sandbox.world.ids import IdSpace, draw, fraction, ig_id, shortcode

MOST_LISTED = 10_000
"""How many of the newest posts the API lists."""

_INDEX_BITS, _CHILD_BITS = 17, 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_PROLIFIC, _PROLIFIC_APART = 50, 100
_SHARE_WITHOUT_MEDIA, _SHARE_CAPTION, _SHARE_ALT_TEXT = 0.02, 0.85, 0.3
_SHARE_FACEBOOK, _SHARE_COUNTS_HIDDEN, _SHARE_TAGGED_BY = 0.3, 0.15, 0.4
_CAPTIONS = (
    "Sunday well spent",
    "New on the blog: link in bio",
    "Ten minutes, five ingredients 🍋",
    "Paid partnership. Still my favourite. #ad",
    "From last week ✨",
    "Which one is yours, 1, 2 or 3?",
    "مساء الخير",
    "Part two, because you asked",
    "With @friend.of.mine at the lake",
)

MediaType = Literal["IMAGE", "VIDEO", "CAROUSEL_ALBUM"]
Product = Literal["FEED", "REELS"]
# how many in a hundred posts, from the first number up, are of which kind
_KINDS: tuple[tuple[int, Product, MediaType], ...] = (
    (35, "FEED", "IMAGE"),
    (60, "FEED", "CAROUSEL_ALBUM"),
    (66, "FEED", "VIDEO"),
    (100, "REELS", "VIDEO"),
)


@dataclass(frozen=True, slots=True)
class Child:
    """One image or video of an album, without insights of its own."""

    media_id: str
    ig_id: str
    shortcode: str
    media_type: Literal["IMAGE", "VIDEO"]
    account: Account
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """One post.

    Args:
        has_media: False for copyrighted ones, whose media_url the API leaves out.
        is_professional: False if it is older than the account's switch to a professional one.
        hides_counts: the owner shows its counts to nobody.
        watched_share: how much of a reel is watched on average.
        length: of a reel.
    """

    media_id: str
    ig_id: str
    shortcode: str
    account: Account
    posted_at: datetime
    product: Product
    media_type: MediaType
    caption: str | None
    has_media: bool
    has_alt_text: bool
    is_professional: bool
    hides_counts: bool
    watched_share: float
    length: timedelta
    children: tuple[Child, ...]
    growth: Growth

    def numbers(self, at: datetime) -> dict[str, int]:
        """Its counts at that moment; of a reel also its times in milliseconds and its skip rate in per cent."""
        counts = self.growth.numbers(at - self.posted_at)
        if self.product == "REELS":
            watched_ms = int(self.length / timedelta(milliseconds=1) * self.watched_share)
            counts["ig_reels_avg_watch_time"] = watched_ms if counts["views"] else 0
            counts["ig_reels_video_view_total_time"] = watched_ms * counts["views"]
            counts["reels_skip_rate"] = round(100 * (1 - self.watched_share))
        return counts


class Posts:
    """All posts of all accounts: the n-th of an account is a function of seed, account and n."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids = IdSpace(17_900_000_000_000_000, 14, world.seed)
        self.post = lru_cache(maxsize=1 << 12)(self._make_post)

    def count(self, account: Account, at: datetime) -> int:
        """How many posts an account has at a moment."""
        return self._rhythm(account).posted_until(at)

    def listed(
        self, account: Account, at: datetime, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Post]:
        """The newest 10,000 at a moment, of them those from `since` to `until`, newest first; made when looked at."""
        rhythm, count = self._rhythm(account), self.count(account, at)
        newest = count if until is None or until >= at else rhythm.posted_until(until)
        oldest = max(count - MOST_LISTED, 0 if since is None else rhythm.posted_before(since))
        return _Feed(self.post, account, range(newest - 1, oldest - 1, -1))

    def tagging(self, account: Account, at: datetime) -> Sequence[Post]:
        """Posts of others that tag the account, newest first: in some weeks somebody else's first post of the week."""
        found = []
        for week in range(_week(at), _week(self._world.start) - 53, -1):
            tagger = int(fraction(self._world.seed, "tagger", account.number, week) * self._world.size)
            tagged = fraction(self._world.seed, "tag", account.number, week) < _SHARE_TAGGED_BY
            if tagged and tagger != account.number:
                rhythm = self._rhythm(self._world.account(tagger))
                index = rhythm.posted_before(_EPOCH + timedelta(weeks=week))
                if rhythm.at(index) <= at and _week(rhythm.at(index)) == week:
                    found.append(self.post(tagger, index))
        return found

    def find(self, media_id: str) -> Post | Child | None:
        """The post or album child of an id, posted yet or not."""
        number = self._ids.decode(media_id)
        if number is None:
            return None
        rest, place = divmod(number, 1 << _CHILD_BITS)
        account_number, index = divmod(rest, 1 << _INDEX_BITS)
        if account_number >= self._world.size:
            return None
        post = self.post(account_number, index)
        found = next((child for child in post.children if child.media_id == media_id), None) if place else post
        return found if found is not None and found.media_id == media_id else None

    def _make_post(self, account_number: int, index: int) -> Post:
        account = self._world.account(account_number)
        posted_at = self._rhythm(account).at(index)
        rng = draw(self._world.seed, "post", account_number, index)
        dice = rng.randrange(100)
        product, media_type = next((product, kind) for limit, product, kind in _KINDS if dice < limit)
        number = ig_id(posted_at, rng.randint(0, 999), rng.getrandbits(23))
        facebook_share = rng.uniform(0.05, 0.4) if rng.random() < _SHARE_FACEBOOK else 0.0
        size = rng.randint(2, 10) if media_type == "CAROUSEL_ALBUM" else 0
        return Post(
            media_id=self._id(account_number, index, 0),
            ig_id=str(number),
            shortcode=shortcode(number),
            account=account,
            posted_at=posted_at,
            product=product,
            media_type=media_type,
            caption=rng.choice(_CAPTIONS) if rng.random() < _SHARE_CAPTION else None,
            has_media=rng.random() >= _SHARE_WITHOUT_MEDIA,
            has_alt_text=rng.random() < _SHARE_ALT_TEXT,
            is_professional=posted_at >= self._professional_since(account),
            hides_counts=fraction(self._world.seed, "hides", account_number) < _SHARE_COUNTS_HIDDEN,
            watched_share=rng.uniform(0.2, 0.8),
            length=timedelta(milliseconds=rng.randint(5_000, 90_000)),
            children=tuple(self._child(account, index, place, posted_at, number) for place in range(1, size + 1)),
            growth=grow_post(
                rng,
                audience=account.audience,
                facebook_share=facebook_share if account.flavour == "facebook" else 0.0,
            ),
        )

    def _child(self, account: Account, index: int, place: int, posted_at: datetime, album: int) -> Child:
        number = album + place
        return Child(
            media_id=self._id(account.number, index, place),
            ig_id=str(number),
            shortcode=shortcode(number),
            media_type="VIDEO" if fraction("child", number) < 0.2 else "IMAGE",
            account=account,
            posted_at=posted_at,
        )

    def _id(self, account_number: int, index: int, place: int) -> str:
        return self._ids.encode((account_number << _INDEX_BITS | index) << _CHILD_BITS | place)

    def _rhythm(self, account: Account) -> _Rhythm:
        """An account's own; few post about every other hour, so that they have more than the API lists."""
        chance = fraction(self._world.seed, "rhythm", account.number)
        if account.number % _PROLIFIC_APART == _FIRST_PROLIFIC:
            every, history = timedelta(hours=1.7), timedelta(days=800)
        else:
            every, history = timedelta(days=1.2 + 4 * chance), timedelta(days=200 + int(1800 * chance))
        return _Rhythm(self._world.seed, account.number, self._world.start - history, every)

    def _professional_since(self, account: Account) -> datetime:
        """The account was a personal one in the first part of its history."""
        first = self._rhythm(account).first
        return first + (self._world.start - first) * (0.3 * fraction(self._world.seed, "switch", account.number))


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """When an account posts: once in every interval, at a moment that differs."""

    seed: int
    number: int
    first: datetime
    every: timedelta

    def at(self, index: int) -> datetime:
        """When the post of that index is posted, to the second."""
        delay = self.every * (fraction(self.seed, "moment", self.number, index) * 0.9)
        return (self.first + self.every * index + delay).replace(microsecond=0)

    def posted_until(self, at: datetime) -> int:
        """How many posts there are at a moment."""
        index = max((at - self.first) // self.every, 0)
        return index + (self.at(index) <= at)

    def posted_before(self, at: datetime) -> int:
        """How many posts there were before a moment."""
        return self.posted_until(at - timedelta(seconds=1))


class _Feed(Sequence[Post]):
    """Posts of an account by index, made when they are looked at."""

    def __init__(self, post: Callable[[int, int], Post], account: Account, indices: range) -> None:
        self._post, self._number, self._indices = post, account.number, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, place: int) -> Post: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Post]: ...

    def __getitem__(self, place: int | slice) -> Post | Sequence[Post]:
        if isinstance(place, slice):
            return [self._post(self._number, index) for index in self._indices[place]]
        return self._post(self._number, self._indices[place])


def _week(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(weeks=1)
