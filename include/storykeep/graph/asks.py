"""What is asked of the API, and what came of it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from storykeep.graph.errors import GraphError
from storykeep.graph.replies import Result
from storykeep.graph.usage import Usage


@dataclass(frozen=True)
class Ask:
    """One GET that one account's token makes.

    `key` is the asker's own mark; `path` has no version (`1784…/stories`); `params` never hold a token;
    `pool` is the IG user id whose rate limit it counts against; `cursors` are the pages already seen;
    `by_hand` marks a list whose edge never sends a link to the next page, only cursors;
    `about` is a token that is asked about, rather than with.
    """

    key: Hashable
    token: SecretStr
    path: str
    params: Mapping[str, str]
    pool: str
    cursors: tuple[str, ...] = ()
    by_hand: bool = False
    about: SecretStr | None = None

    @property
    def sent(self) -> dict[str, str]:
        """The parameters as they are sent, without what the asker proves itself by."""
        return {**self.params, **({"input_token": self.about.get_secret_value()} if self.about else {})}

    @property
    def tokens(self) -> tuple[SecretStr, ...]:
        """Every token that the request holds."""
        return (self.token, self.about) if self.about else (self.token,)


@dataclass(frozen=True)
class Answer:
    """What came of an ask: exactly one of `body` (a JSON object) and `error`.

    `raw` is the reply as it came, b"" when none came. Body and bytes may hold links with tokens: no repr shows them.
    `api_time` is what the API's own clock showed when it answered, to the second.
    """

    ask: Ask
    body: Any | None = field(repr=False)
    error: GraphError | None
    raw: bytes = field(repr=False)
    api_version: str | None
    usage: Usage | None
    api_time: datetime | None = None

    def __post_init__(self) -> None:
        if (self.body is None) == (self.error is None):
            raise ValueError("an answer has either a body or an error")


def answer_of(ask: Ask, result: Result) -> Answer:
    """The answer that a result is for the one who asked."""
    return Answer(ask, result.body, result.error, result.raw, result.api_version, result.usage, result.api_time)
