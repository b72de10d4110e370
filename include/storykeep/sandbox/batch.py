"""The Batch API: up to 50 calls in one request, each with its own token and its own fate."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from storykeep.sandbox.api import Api
from storykeep.sandbox.calls import Call, Reply, to_json
from storykeep.sandbox.errors import ApiError, bad_parameter
from storykeep.sandbox.faults import spoil
from storykeep.sandbox.login import check_caller

MOST_ITEMS = 50


def answer_batch(api: Api, call: Call) -> Reply:
    """The reply to a batch request; an item's error is the item's alone."""
    api.log.count("batch", None, in_batch=False)
    fault = api.faults.strike("batch", None)
    try:
        spoiled = spoil(fault) if fault else None
        if spoiled:
            return spoiled
        items = _items(api, call)
    except ApiError as error:
        return api.refuse(error, call.host)
    with_headers = call.params.get("include_headers", "true").lower() not in ("false", "0")
    reply = Reply(200, to_json([_answer_item(api, call, item, with_headers) for item in items]))
    reply.headers.append(("facebook-api-version", call.version))
    reply.cut = fault is not None and fault.kind == "cut"
    return reply


def _items(api: Api, call: Call) -> list[Any]:
    if call.host == "instagram":
        raise bad_parameter("Batch requests are not supported on this host")
    check_caller(call, api.tokens, api.clock.now())
    try:
        items = json.loads(call.params.get("batch", ""))
    except ValueError:
        raise bad_parameter("param batch must be an array.") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad_parameter("param batch must be an array.")
    if len(items) > MOST_ITEMS:
        raise bad_parameter(f"Too many requests in batch message. Maximum batch size is {MOST_ITEMS}")
    return items


def _answer_item(api: Api, outer: Call, item: dict[str, Any], with_headers: bool) -> dict[str, Any] | None:
    path, _, query = str(item.get("relative_url", "")).partition("?")
    params = dict(parse_qsl(query)) | dict(parse_qsl(str(item.get("body", ""))))
    token = params.pop("access_token", None) or outer.token
    method = str(item.get("method", "GET")).upper()
    reply = api.answer(Call.make(outer.host, method, path, params, token), in_batch=True)
    if reply.lost:
        return None
    answer: dict[str, Any] = {"code": reply.status}
    if with_headers:
        headers = [("Content-Type", reply.content_type), *reply.headers]
        answer["headers"] = [{"name": name, "value": value} for name, value in headers]
    answer["body"] = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
    return answer
