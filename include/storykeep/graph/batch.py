"""Up to 50 asks in one POST (facebook only): each with its own token, each with its own outcome."""

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from storykeep.graph.asks import Answer, Ask, answer_of
from storykeep.graph.auth import app_token, proof
from storykeep.graph.blocks import Blocks
from storykeep.graph.errors import (
    GraphError,
    RefusedError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreadableError,
)
from storykeep.graph.replies import Reply, Result, read
from storykeep.graph.retry import Retry, is_worth_another
from storykeep.graph.scopes import needed_scope
from storykeep.graph.transport import Transport
from storykeep.settings import GraphSettings

MAX_ITEMS = 50
# Requests that finding the culprits of a failing batch may cost: three lone ones among 50, or a dead API's price.
SEARCH_REQUESTS = 32
SEARCH_SECONDS = 30.0  # after which nothing is halved any more: a slow API must not hold up the others' turn


class _Outcome:
    """What became of each ask so far, and whose pools were found throttled on the way."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self._asks = asks
        self._results: dict[int, Result] = {}
        self._blocks = Blocks()

    def note(self, group: Sequence[int], got: Sequence[Result] | GraphError) -> None:
        """Keep the results of a group, or the error of the request that carried it."""
        results = [_of_the_whole(got, len(group))] * len(group) if isinstance(got, GraphError) else got
        self._results.update(zip(group, results, strict=True))
        self._blocks.note(self._answer(index) for index in group)

    def sendable(self, group: Sequence[int]) -> list[int]:
        """The positions that may be sent still; the others get the error that stands in their way."""
        barred = {index: error for index in group if (error := self._blocks.of(self._asks[index]))}
        self._results |= {index: Result(error=error) for index, error in barred.items()}
        return [index for index in group if index not in barred]

    def unfinished(self, group: Sequence[int]) -> list[int]:
        """The positions at which another attempt may give something else."""
        return [index for index in group if is_worth_another(self._results[index])]

    def answers(self) -> list[Answer]:
        """The answers, in order."""
        return [self._answer(index) for index in range(len(self._asks))]

    def _answer(self, index: int) -> Answer:
        return answer_of(self._asks[index], self._results[index])


class Batch:
    """Sends asks together. The app's token stands in the form body, an item's in its relative URL inside that body."""

    def __init__(self, api: GraphSettings, transport: Transport, retry: Retry) -> None:
        self._api = api
        self._transport = transport
        self._retry = retry
        self._form = {
            "access_token": app_token(api).get_secret_value(),
            "include_headers": "true",  # an item's usage is told in its own headers only
            **proof(api, app_token(api)),
        }

    def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """One answer to each ask, in order. Raises nothing of its own."""
        outcome = _Outcome(asks)
        unfinished = self._first(asks, outcome)
        for attempt in range(1, self._retry.attempts):
            unfinished = outcome.sendable(unfinished)
            if not unfinished:
                break
            self._retry.sleep(self._retry.wait(attempt))
            again = self._post([asks[index] for index in unfinished])
            if isinstance(again, GraphError) and not isinstance(again, ThrottledError):
                break  # the items keep what they last got
            outcome.note(unfinished, again)
            unfinished = outcome.unfinished(unfinished)
        return outcome.answers()

    def _first(self, asks: Sequence[Ask], outcome: "_Outcome") -> list[int]:
        """Finds a result for each position; returns those that the API left unfinished although it answered.

        A batch that fails as a whole is halved, again and again, until the items at fault stand alone.
        """
        unfinished: list[int] = []
        groups = deque([list(range(len(asks)))])
        spare, end = SEARCH_REQUESTS, self._retry.monotonic() + SEARCH_SECONDS
        while groups:
            group = outcome.sendable(groups.popleft())
            if not group:
                continue
            got = self._post([asks[index] for index in group], retried=len(group) == len(asks))
            if not isinstance(got, GraphError):
                outcome.note(group, got)
                unfinished += outcome.unfinished(group)
                continue
            may_search = spare >= 2 and self._retry.monotonic() < end and _may_be_one_item(got)
            if len(group) > 1 and may_search:
                spare -= 2
                middle = len(group) // 2
                groups += (group[:middle], group[middle:])
            else:
                outcome.note(group, got)
        return sorted(unfinished)

    def _post(self, asks: Sequence[Ask], *, retried: bool = False) -> list[Result] | GraphError:
        """The items' results, or the error of the request as a whole."""
        form = self._form | {"batch": json.dumps([self._item(ask) for ask in asks], separators=(",", ":"))}
        secrets = (form["access_token"], self._secret, *(ask.token.get_secret_value() for ask in asks))
        whole = self._retry.result(lambda: self._once(form, secrets)) if retried else self._once(form, secrets)
        if whole.error:
            return _of_the_app(whole.error)
        if len(whole.body) != len(asks):
            return UnreadableError(f"a batch of {len(asks)} was answered with {len(whole.body)} items", raw=whole.raw)
        return [self._result(ask, item) for ask, item in zip(asks, whole.body, strict=True)]

    def _once(self, form: Mapping[str, str], secrets: Iterable[str]) -> Result:
        try:
            reply = self._transport.post(f"{self._api.base_url}/{self._api.version}/", form)
        except GraphError as error:
            return Result(error=error, raw=getattr(error, "raw", b""))
        return read(reply, secrets=secrets, shape=list)

    @property
    def _secret(self) -> str:
        return self._api.app_secret.get_secret_value()

    def _item(self, ask: Ask) -> dict[str, str]:
        token = {"access_token": ask.token.get_secret_value()}
        query = urlencode({**ask.params, **token, **proof(self._api, ask.token)})
        return {"method": "GET", "relative_url": f"{self._api.version}/{ask.path}?{query}"}

    def _result(self, ask: Ask, item: Any) -> Result:
        if item is None:
            return Result(error=TransientError("the batch ended before this item was done"))
        reply = _item_reply(item)
        if reply is None:
            raw = json.dumps(item).encode()
            return Result(error=UnreadableError("a batch item of an unknown shape", raw=raw), raw=raw)
        scope = needed_scope(self._api.flavour, ask.path)
        return read(reply, scope=scope, secrets=(ask.token.get_secret_value(), self._secret))


def _item_reply(item: Any) -> Reply | None:
    """An item as the reply that it is; None when it is not of the documented shape."""
    if not isinstance(item, dict):
        return None
    code, body, headers = item.get("code"), item.get("body") or "", item.get("headers") or []
    if not isinstance(code, int) or not isinstance(body, str) or not isinstance(headers, list):
        return None
    named = {str(h.get("name")).lower(): str(h.get("value")) for h in headers if isinstance(h, dict)}
    return Reply(code, named, body.encode("utf-8", "surrogatepass"))


def _of_the_app(error: GraphError) -> GraphError:
    """A whole batch is the app's request: its failure must not be laid at any account's door."""
    known = {"code": error.code, "subcode": error.subcode, "status": error.status}
    if isinstance(error, ThrottledError):
        return ThrottledError(error.message, scope="app", wait=error.wait, **known)
    if isinstance(error, TransientError | UnreadableError | RefusedError | RequestError):
        return error
    return RequestError(f"the API refused the app itself: {error.message}", **known)


def _of_the_whole(error: GraphError, size: int) -> Result:
    """The result of each of the items that a failed request carried.

    The bytes are kept for a lone item only: those of several accounts must not be filed under each of them.
    """
    return Result(error=error, raw=getattr(error, "raw", b"") if size == 1 else b"")


def _may_be_one_item(error: GraphError) -> bool:
    """Whether a smaller batch may do better. Not when the app itself is refused or throttled."""
    return isinstance(error, TransientError | UnreadableError | RefusedError) or error.status == 413
