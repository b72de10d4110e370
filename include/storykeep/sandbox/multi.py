"""Multi-read: `?ids=a,b,c`, an object keyed by id, which one bad id fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from storykeep.sandbox.api import Api
from storykeep.sandbox.calls import Call, Reply, read_json, to_json
from storykeep.sandbox.errors import ApiError, bad_parameter, unknown_alias
from storykeep.sandbox.faults import mar, spoil

MOST_IDS = 50


def answer(api: Api, call: Call, *, in_batch: bool = False) -> Reply:
    """The reply to any call but a batch."""
    if call.method == "GET" and "ids" in call.params:
        return _answer_many(api, call, in_batch)
    return api.answer(call, in_batch=in_batch)


def _answer_many(api: Api, call: Call, in_batch: bool) -> Reply:
    """The reply to a read of many ids, or of one edge of many; each id counts as a call."""
    fault = api.faults.strike("ids", None, api.clock.now())
    try:
        spoiled = spoil(fault) if fault else None
        reply = spoiled or _together(api, call)
    except ApiError as error:
        reply = api.refuse(error, call.host)
        reply.headers.append(("facebook-api-version", call.version))
    mar(reply, fault)
    api.log.count("ids", None, len(reply.body), in_batch=in_batch)
    return reply


def _together(api: Api, call: Call) -> Reply:
    """The objects in one reply with the headers of the last, or the reply to the first id that failed, as it is.

    Raises:
        ApiError: too many ids, or one that is not there.
    """
    params = dict(call.params)
    ids = list(dict.fromkeys(part.strip() for part in params.pop("ids").split(",") if part.strip()))
    if not 1 <= len(ids) <= MOST_IDS:
        raise bad_parameter(f"Too many IDs. Maximum: {MOST_IDS}. Provided: {len(ids)}.")
    objects, delay = {}, 0.0
    for one in ids:
        reply = api.answer(replace(call, params=params, segments=(one, *call.segments)), in_batch=True)
        delay = reply.delay = max(delay, reply.delay)
        body = _members(reply)
        if _is_missing(body.get("error")):
            raise unknown_alias(one)
        if reply.status >= 400 or reply.cut or not body:
            return reply
        if isinstance(paging := body.get("paging"), dict):
            paging.pop("next", None), paging.pop("previous", None)
        objects[one] = body
    return Reply(200, to_json(objects), headers=reply.headers, delay=delay)


def _members(reply: Reply) -> dict[str, Any]:
    """The members of a body, none if a fault left something else of it."""
    try:
        body = read_json(reply.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _is_missing(error: Any) -> bool:
    return isinstance(error, dict) and error.get("error_subcode") == 33
