"""Answers as the client gives them, without a client."""

from typing import Any

from pydantic import SecretStr

from storykeep.capture.asks import AskKey
from storykeep.graph import endpoints
from storykeep.graph.client import Answer
from storykeep.graph.errors import GoneError, GraphError
from storykeep.graph.metrics import MetricGroup
from storykeep.graph.usage import Usage

TOKEN = SecretStr("EAAcanary")
CORE = MetricGroup("core", ("views", "reach"))


def listing(account_id: str, *, error: GraphError | None = None, data: Any = (), usage: Usage | None = None) -> Answer:
    ask = endpoints.stories(f"1784{account_id}", TOKEN, key=AskKey(account_id))
    return Answer(ask, None if error else {"data": list(data)}, error, b"", "v26.0", usage)


def reading(
    account_id: str, story_id: str, group: MetricGroup = CORE, *, error: GraphError | None = None, data: Any = ()
) -> Answer:
    key = AskKey(account_id, story_id, group.name)
    ask = endpoints.insights(story_id, TOKEN, group, pool=f"1784{account_id}", key=key)
    return Answer(ask, None if error else {"data": list(data)}, error, b"", "v26.0", None)


def gone() -> GoneError:
    return GoneError("not there", code=100, subcode=33, status=400)
