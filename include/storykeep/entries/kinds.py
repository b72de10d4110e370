"""The kinds of entries, and the columns that a file of each kind has."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Kind = Literal["story_capture", "creator_upload", "story_metrics", "assign", "confirm_match"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# The counts of a story, as the marts name them.
METRICS = (
    "views",
    "reach",
    "replies",
    "shares",
    "follows",
    "profile_visits",
    "total_interactions",
    "reposts",
    "link_clicks",
    "taps_forward",
    "taps_back",
    "exits",
    "swipes_forward",
)
# Of these, one says which story it is; the first that is filled in counts.
STORY = ("story_id", "permalink", "posted_at")
# What a file of rejected rows has in front: so it can be mended and loaded as it is.
VERDICT = ("row", "column", "reason", "remedy")


@dataclass(frozen=True)
class Shape:
    """What one kind of entry says: columns that must be filled in, and those that may be."""

    meaning: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, in the order of a template."""
        return (*self.required, *self.optional)


_CAPTURE = (
    ("account", "posted_at"),
    ("story_id", "permalink", "media_type", "caption", "link", "evidence", "note"),
)
SHAPES: dict[Kind, Shape] = {
    "story_capture": Shape("a story that somebody saw and captured by hand", *_CAPTURE),
    "creator_upload": Shape("a story that its creator handed in", *_CAPTURE),
    "story_metrics": Shape(
        "the numbers of a story, read from a screenshot; an empty cell is unknown, and not 0",
        ("account", "evidence"),
        (*STORY, "observed_at", *METRICS, "note"),
    ),
    "assign": Shape("this story counts for this campaign", ("campaign", "account"), (*STORY, "note")),
    "confirm_match": Shape(
        "a person's answer to a near miss: does this story count for this campaign?",
        ("campaign", "account", "decision"),
        (*STORY, "note"),
    ),
}

# Each column: what goes into it, and an example.
COLUMNS = MappingProxyType(
    {
        "kind": ("kind of the entry, where a file holds several", "story_metrics"),
        "account": ("handle of the account", "mila.berg"),
        "story_id": ("id of the story at Instagram, or its story_id in the marts", "18050000000000001"),
        "permalink": ("link to the story", "https://www.instagram.com/stories/mila.berg/3500000000000000011"),
        "posted_at": ("when it was posted: ISO 8601, UTC unless it says otherwise", "2026-11-21T10:15:00Z"),
        "media_type": ("IMAGE or VIDEO", "IMAGE"),
        "caption": ("the text on it, with its hashtags and mentions", "Loving it #autumnglow @auroraskin"),
        "link": ("address of its link sticker", "https://aurora.example/glow"),
        "observed_at": ("when the numbers were read", "2026-11-22T09:40:00Z"),
        "campaign": ("campaign_id of the campaign", "aurora-autumn-glow"),
        "decision": ("yes or no", "yes"),
        "evidence": ("file name of the screenshot: PNG, JPEG, WebP or PDF", "mila-1.png"),
        "note": ("for whoever reads it later", "sent by mail"),
        **{metric: ("a whole number; empty if unknown", "1234") for metric in METRICS},
    }
)
