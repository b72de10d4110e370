"""What a post is, apart from its numbers."""

import pytest

from storykeep.content.clocks import Kind
from storykeep.content.posts import product_of, without_counts
from storykeep.landing.payload import content_hash

REEL, POST = "https://www.instagram.com/reel/DCabc/", "https://www.instagram.com/p/DCabc/"
NODE = {
    "id": "1",
    "caption": "a",
    "media_url": "https://scontent-a.cdninstagram.com/v/a.jpg?oh=1&oe=2&_nc_rid=3",
    "like_count": 1,
    "comments_count": 2,
    "saved_count": 3,
    "total_views_count": 4,
}


@pytest.mark.parametrize(
    ("kind", "product"),
    [
        (Kind("REELS", "VIDEO", REEL), "REELS"),
        (Kind("FEED", "VIDEO", POST), "FEED"),
        (Kind("FEED", "CAROUSEL_ALBUM", POST), "FEED"),
        (Kind(None, "VIDEO", REEL), "REELS"),
        (Kind(None, "VIDEO", POST), "FEED"),
        (Kind("AD", "IMAGE", POST), "FEED"),
        (Kind(), "FEED"),
    ],
)
def test_a_post_has_the_metrics_of_its_product(kind: Kind, product: str) -> None:
    assert product_of(kind) == product


def hashed(**changes: object) -> str:
    return content_hash(without_counts(NODE | changes))


def test_counts_and_signatures_are_no_content_and_everything_else_is() -> None:
    url = "https://scontent-b.cdninstagram.com/v/a.jpg?oh=7&oe=8&_nc_rid=9"
    assert hashed() == hashed(like_count=9, comments_count=9, saved_count=9, total_views_count=9, media_url=url)
    assert hashed() == content_hash(without_counts({name: NODE[name] for name in NODE if name != "like_count"}))
    assert len({hashed(), hashed(caption="b"), hashed(alt_text="c"), hashed(media_url="https://x/other.jpg")}) == 4
