"""The Batch API: up to 50 calls in one request, each with its own token and its own fate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from storykeep.sandbox import switches
from storykeep.sandbox.api import FRESH, Api
from storykeep.sandbox.calls import Call, Reply, read_json, to_json
from storykeep.sandbox.edges.callers import check_caller
from storykeep.sandbox.errors import ApiError, bad_parameter, dependency_failed
from storykeep.sandbox.faults import mar, spoil
from storykeep.sandbox.multi import answer
from storykeep.sandbox.references import fill, names_in

MOST_ITEMS = 50


@dataclass
class _Batch:
    """A batch under way; `done` are the replies of the named items so far, `delay` the seconds of its slowest item."""

    call: Call
    with_headers: bool
    needed: frozenset[str]
    done: dict[str, Reply] = field(default_factory=dict)
    delay: float = 0.0


def answer_batch(api: Api, call: Call) -> Reply:
    """The reply to a batch request; an item's error is the item's alone."""
    fault = api.faults.strike("batch", None, api.clock.now())
    try:
        spoiled = spoil(fault) if fault else None
        reply = spoiled or _answers(api, call)
    except ApiError as error:
        reply = api.refuse(error, call.host)
    reply.headers.append(("facebook-api-version", call.version))
    mar(reply, fault)
    api.log.count("batch", None, len(reply.body), in_batch=False)
    return reply


def _answers(api: Api, call: Call) -> Reply:
    items = _items(api, call)
    with_headers = call.params.get("include_headers", "true").lower() not in ("false", "0")
    batch = _Batch(call, with_headers, frozenset(name for item in items for name in _needs(item)))
    answers = [_answer_item(api, batch, item) for item in items]
    return Reply(200, to_json(answers), headers=list(FRESH), delay=batch.delay)


def _items(api: Api, call: Call) -> list[dict[str, Any]]:
    if call.host == "instagram" and not switches.BATCH_ON_INSTAGRAM:
        raise bad_parameter("Batch requests are not supported on this host")
    check_caller(api.state.tokens, call.host, call.token, call.params.get("appsecret_proof"), api.clock.now())
    try:
        items = read_json(call.params.get("batch", ""))
    except ValueError:
        raise bad_parameter("param batch must be an array.") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad_parameter("param batch must be an array.")
    if len(items) > MOST_ITEMS:
        raise bad_parameter(f"Too many requests in batch message. Maximum batch size is {MOST_ITEMS}")
    return items


def _needs(item: dict[str, Any]) -> list[str]:
    """The names of the items that this one waits for."""
    named = [str(item["depends_on"])] if item.get("depends_on") else []
    return [*named, *names_in(str(item.get("relative_url", ""))), *names_in(str(item.get("body", "")))]


def _answer_item(api: Api, batch: _Batch, item: dict[str, Any]) -> dict[str, Any] | None:
    reply = _reply(api, batch, item)
    batch.delay = max(batch.delay, reply.delay)
    name = str(item.get("name", ""))
    if name:
        batch.done[name] = reply
    # What others build on is left out of the answer when it went well, unless it is asked for.
    left_out = name in batch.needed and item.get("omit_response_on_success", True) and reply.status < 400
    if reply.lost or left_out:
        return None
    answer: dict[str, Any] = {"code": reply.status}
    if batch.with_headers:
        headers = [("Content-Type", reply.content_type), *reply.headers]
        answer["headers"] = [{"name": name, "value": value} for name, value in headers]
    answer["body"] = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
    return answer


def _failed(reply: Reply) -> bool:
    """Whether nothing can build on a reply."""
    return reply.status >= 400 or reply.cut or reply.lost


def _reply(api: Api, batch: _Batch, item: dict[str, Any]) -> Reply:
    outer = batch.call
    try:
        if any(name not in batch.done or _failed(batch.done[name]) for name in _needs(item)):
            raise dependency_failed()
        url, form = (fill(str(item.get(part, "")), batch.done) for part in ("relative_url", "body"))
    except ApiError as error:
        return api.refuse(error, outer.host)
    path, _, query = url.partition("?")
    params = dict(parse_qsl(query)) | dict(parse_qsl(form))
    token = params.pop("access_token", None) or outer.token
    method = str(item.get("method", "GET")).upper()
    return answer(api, Call.make(outer.host, method, path, params, token), in_batch=True)
