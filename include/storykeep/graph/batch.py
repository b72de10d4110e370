"""Up to 50 asks in one POST (facebook only): each with its own token, each with its own outcome."""

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from storykeep.graph.asks import Answer, Ask, answer_of
from storykeep.graph.auth import app_token, proof
from storykeep.graph.blocks import Blocks
from storykeep.graph.errors import (
    GraphError,
    RefusedError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UnreadableError,
)
from storykeep.graph.replies import Reply, Result, read
from storykeep.graph.retry import Retry, is_worth_another
from storykeep.graph.scopes import needed_scope
from storykeep.graph.transport import READ_SECONDS, Transport
from storykeep.graph.usage import Usage
from storykeep.settings import GraphSettings

MAX_ITEMS = 50
# Requests that finding the culprits of a failing batch may cost: three lone ones among 50, or a dead API's price.
SEARCH_REQUESTS = 32
# What got no reply in time is sent again in pieces of so many items, and a piece that gets none item by item.
PIECE = 5
PIECE_SECONDS = 8.0  # that a part of a batch is waited for; the whole one has READ_SECONDS
CHUNK_SECONDS = 60.0  # for a whole batch and its parts: a slow API must not hold up the others' turn


class _Outcome:
    """What became of each ask so far, and whose pools were found throttled on the way."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self._asks = asks
        self._results: dict[int, Result] = {}
        self._blocks = Blocks()

    def note(self, group: Sequence[int], got: Sequence[Result] | Result) -> None:
        """Keep the results of a group, or the result of the request that carried it and failed."""
        results = [_of_the_whole(got, len(group))] * len(group) if isinstance(got, Result) else got
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
        end = self._retry.monotonic() + CHUNK_SECONDS
        outcome = _Outcome(asks)
        unfinished = self._first(asks, outcome, end)
        for attempt in range(1, self._retry.attempts):
            unfinished = outcome.sendable(unfinished)
            wait = self._retry.wait(attempt)
            if not unfinished or self._retry.monotonic() + wait + READ_SECONDS > end:
                break
            self._retry.sleep(wait)
            again = self._post([asks[index] for index in unfinished])
            if not isinstance(again, Result) or isinstance(again.error, ThrottledError):
                outcome.note(unfinished, again)
                unfinished = outcome.unfinished(unfinished)
            elif not is_worth_another(again):
                break  # the items keep what they last got
        return outcome.answers()

    def _first(self, asks: Sequence[Ask], outcome: _Outcome, end: float) -> list[int]:
        """Finds a result for each position; returns those that the API left unfinished although it answered.

        A batch that fails as a whole is divided, again and again, until the items at fault stand alone. A part that
        there is no time for keeps the error of the last request that it was in.
        """
        unfinished: list[int] = []
        groups = deque([list(range(len(asks)))])
        spare = SEARCH_REQUESTS
        while groups and self._retry.monotonic() + PIECE_SECONDS <= end:
            group = outcome.sendable(groups.popleft())
            if not group:
                continue
            sent = [asks[index] for index in group]
            is_whole = len(group) == len(asks)
            got = self._post(sent, attempts=self._retry.attempts) if is_whole else self._post(sent, PIECE_SECONDS)
            outcome.note(group, got)
            if not isinstance(got, Result):
                unfinished += outcome.unfinished(group)
                continue
            parts = _parts(group, got.error)
            if len(parts) <= spare:
                spare -= len(parts)
                groups += parts
        return sorted(unfinished)

    def _post(self, asks: Sequence[Ask], seconds: float | None = None, *, attempts: int = 1) -> list[Result] | Result:
        """The items' results, or the request's own, which holds the error."""
        form = self._form | {"batch": json.dumps([self._item(ask) for ask in asks], separators=(",", ":"))}
        tokens = (app_token(self._api), *(token for ask in asks for token in ask.tokens))
        secrets = self._secrets(tokens)
        retry = replace(self._retry, attempts=attempts)
        whole = retry.result(lambda: self._once(form, secrets, seconds))
        if whole.error:
            return replace(whole, error=_of_the_app(whole.error))
        if len(whole.body) != len(asks):
            what = f"a batch of {len(asks)} was answered with {len(whole.body)} items"
            return replace(whole, body=None, error=UnreadableError(what, raw=whole.raw))
        return [self._result(ask, item, whole) for ask, item in zip(asks, whole.body, strict=True)]

    def _once(self, form: Mapping[str, str], secrets: Sequence[str], seconds: float | None) -> Result:
        try:
            reply = self._transport.post(f"{self._api.base_url}/{self._api.version}/", form, seconds=seconds)
        except GraphError as error:
            return Result(error=error, raw=getattr(error, "raw", b""))
        return read(reply, secrets=secrets, shape=list)

    def _secrets(self, tokens: Iterable[SecretStr]) -> list[str]:
        """Every value of a request with these tokens that an error might echo and that must not be seen."""
        own = [secret for one in tokens for secret in (one.get_secret_value(), *proof(self._api, one).values())]
        return [*own, self._api.app_secret.get_secret_value()]

    def _item(self, ask: Ask) -> dict[str, str]:
        token = {"access_token": ask.token.get_secret_value()}
        query = urlencode({**ask.sent, **token, **proof(self._api, ask.token)})
        return {"method": "GET", "relative_url": f"{self._api.version}/{ask.path}?{query}"}

    def _result(self, ask: Ask, item: Any, whole: Result) -> Result:
        """An item's result. The reply as a whole tells its time, and may tell of its app's pool, too."""
        result = replace(self._read(ask, item), api_time=whole.api_time)
        return replace(result, usage=(result.usage or Usage()).with_app_of(whole.usage)) if whole.usage else result

    def _read(self, ask: Ask, item: Any) -> Result:
        if item is None:
            return Result(error=TransientError("the batch ended before this item was done"))
        reply = _item_reply(item)
        if reply is None:
            raw = json.dumps(item).encode()
            return Result(error=UnreadableError("a batch item of an unknown shape", raw=raw), raw=raw)
        scope = needed_scope(self._api.flavour, ask.path)
        return read(reply, scope=scope, secrets=self._secrets(ask.tokens))


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


def _of_the_whole(result: Result, size: int) -> Result:
    """The result of each of the items that a failed request carried: its error, and what it told of the app's pool.

    The bytes are kept for a lone item only: those of several accounts must not be filed under each of them.
    """
    usage = Usage(result.usage.app) if result.usage else None
    return Result(error=result.error, raw=result.raw if size == 1 else b"", usage=usage)


def _parts(group: list[int], error: GraphError | None) -> list[list[int]]:
    """What a failed group is divided into; nothing when a smaller one would do no better.

    What is slow by one item alone is not halved: each slow half would cost its whole time again.
    """
    if len(group) == 1 or not _may_be_one_item(error):
        return []
    size = (len(group) + 1) // 2
    if isinstance(error, UnreachableError):
        size = PIECE if len(group) > PIECE else 1
    return [group[start : start + size] for start in range(0, len(group), size)]


def _may_be_one_item(error: GraphError | None) -> bool:
    """Whether fewer items may fare better. Not when the app itself is refused or throttled, or nothing was sent."""
    if isinstance(error, UnreachableError):
        return error.sent
    return isinstance(error, TransientError | UnreadableError | RefusedError) or (
        error is not None and error.status == 413
    )
