"""The rows of schema raw, field for column. `landing_id` is Postgres's to give."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

Json = dict[str, object]
# What a reply to a question for numbers came to: numbers, none yet, too few viewers, or an error that is an answer.
ReplyStatus = Literal["ok", "empty", "withheld", "refused"]


@dataclass(frozen=True, slots=True)
class StoryListing:
    """One complete read of an account's stories (payload: story id to content hash), or the failed try of one."""

    table: ClassVar[str] = "story_listings"
    key: ClassVar[tuple[str, ...]] = ("account_id", "captured_at", "status")
    partitioned: ClassVar[bool] = True

    account_id: str
    captured_at: datetime
    run_id: str
    api_version: str | None
    status: Literal["ok", "failed"]
    content_hash: str
    payload: Json | None = None
    cause: str | None = None
    error_code: int | None = None
    error_subcode: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A story node as the API gave it. The same content lands once."""

    table: ClassVar[str] = "stories"
    key: ClassVar[tuple[str, ...]] = ("story_id", "content_hash")
    partitioned: ClassVar[bool] = False

    story_id: str
    account_id: str
    captured_at: datetime
    run_id: str
    api_version: str | None
    payload: Json
    content_hash: str


@dataclass(frozen=True, slots=True)
class StoryInsight:
    """One reply to one metric group of one story."""

    table: ClassVar[str] = "story_insights"
    key: ClassVar[tuple[str, ...]] = ("story_id", "metric_group", "captured_at", "status")
    partitioned: ClassVar[bool] = True

    story_id: str
    account_id: str
    metric_group: str
    captured_at: datetime
    run_id: str
    api_version: str | None
    status: ReplyStatus
    payload: Json
    content_hash: str
    error_code: int | None = None
    error_subcode: int | None = None


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One try to archive one file of a story; `content_hash` is the sha256 of its bytes."""

    table: ClassVar[str] = "media_files"
    key: ClassVar[tuple[str, ...]] = ("story_id", "kind", "captured_at")
    partitioned: ClassVar[bool] = False

    story_id: str
    account_id: str
    kind: Literal["media", "thumbnail"]
    captured_at: datetime
    run_id: str
    status: Literal["archived", "missing"]
    cause: str | None = None
    content_hash: str | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A feed post or reel as the API gave it. It lands again when its content changes, which its counts are not."""

    table: ClassVar[str] = "media"
    key: ClassVar[tuple[str, ...]] = ("media_id", "content_hash")
    partitioned: ClassVar[bool] = False

    media_id: str
    account_id: str
    captured_at: datetime
    run_id: str
    api_version: str | None
    payload: Json
    content_hash: str


@dataclass(frozen=True, slots=True)
class MediaInsight:
    """One reply to one metric group of one post."""

    table: ClassVar[str] = "media_insights"
    key: ClassVar[tuple[str, ...]] = ("media_id", "metric_group", "captured_at", "status")
    partitioned: ClassVar[bool] = False

    media_id: str
    account_id: str
    metric_group: str
    captured_at: datetime
    run_id: str
    api_version: str | None
    status: ReplyStatus
    payload: Json
    content_hash: str
    error_code: int | None = None
    error_subcode: int | None = None


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """An account's own node at one moment: its names and counts."""

    table: ClassVar[str] = "account_profiles"
    key: ClassVar[tuple[str, ...]] = ("account_id", "captured_at")
    partitioned: ClassVar[bool] = False

    account_id: str
    captured_at: datetime
    run_id: str
    api_version: str | None
    payload: Json
    content_hash: str


@dataclass(frozen=True, slots=True)
class AccountInsight:
    """One reply to one group of account metrics for one day, `since` (included) to `until` (not included)."""

    table: ClassVar[str] = "account_insights"
    key: ClassVar[tuple[str, ...]] = ("account_id", "metric_group", "since", "captured_at", "status")
    partitioned: ClassVar[bool] = False

    account_id: str
    metric_group: str
    since: datetime
    until: datetime
    captured_at: datetime
    run_id: str
    api_version: str | None
    status: ReplyStatus
    payload: Json
    content_hash: str
    error_code: int | None = None
    error_subcode: int | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """One reply to one demographic metric of an account by one dimension; `timeframe` where the metric has one."""

    table: ClassVar[str] = "audience"
    key: ClassVar[tuple[str, ...]] = ("account_id", "metric", "dimension", "captured_at", "status")
    partitioned: ClassVar[bool] = False

    account_id: str
    metric: str
    dimension: str
    timeframe: str | None
    captured_at: datetime
    run_id: str
    api_version: str | None
    status: ReplyStatus
    payload: Json
    content_hash: str
    error_code: int | None = None
    error_subcode: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A reply that could not be taken in, byte for byte."""

    table: ClassVar[str] = "dead_letters"
    key: ClassVar[tuple[str, ...]] = ("account_id", "endpoint", "content_hash")
    partitioned: ClassVar[bool] = False

    account_id: str
    endpoint: str
    captured_at: datetime
    run_id: str
    reason: str
    body: bytes
    content_hash: str


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """One version of what a person entered; `captured_at` is when."""

    table: ClassVar[str] = "manual_entries"
    key: ClassVar[tuple[str, ...]] = ("entry_id", "version")
    partitioned: ClassVar[bool] = False

    entry_id: str
    version: int
    kind: str
    account_id: str | None
    story_id: str | None
    campaign_id: str | None
    captured_at: datetime
    run_id: str
    author: str
    payload: Json
    content_hash: str
    file_hash: str | None = None
    row_number: int | None = None
    evidence_hash: str | None = None
    evidence_path: str | None = None
    is_withdrawn: bool = False


Row = (
    StoryListing
    | Story
    | StoryInsight
    | MediaFile
    | Media
    | MediaInsight
    | AccountProfile
    | AccountInsight
    | Audience
    | ManualEntry
    | DeadLetter
)
