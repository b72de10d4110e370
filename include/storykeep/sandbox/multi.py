"""Multi-read: `?ids=a,b,c`, an object keyed by id, which one bad id fails."""

from __future__ import annotations

import json
from dataclasses import replace

from storykeep.sandbox.api import Api
from storykeep.sandbox.calls import Call, Reply, to_json
from storykeep.sandbox.errors import ApiError, bad_parameter, unknown_alias

MOST_IDS = 50


def answer(api: Api, call: Call, *, in_batch: bool = False) -> Reply:
    """The reply to any call but a batch."""
    if call.method == "GET" and "ids" in call.params:
        return _answer_many(api, call, in_batch)
    return api.answer(call, in_batch=in_batch)


def _answer_many(api: Api, call: Call, in_batch: bool) -> Reply:
    """The reply to a read of many ids, or of one edge of many; each id counts as a call."""
    try:
        reply = Reply(200, to_json(_bodies(api, call)))
    except ApiError as error:
        reply = api.refuse(error, call.host)
    except _Failed as failed:
        reply = failed.reply
    api.log.count("ids", None, len(reply.body), in_batch=in_batch)
    return reply


class _Failed(Exception):
    """The first id that failed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def _bodies(api: Api, call: Call) -> dict[str, object]:
    params = dict(call.params)
    ids = list(dict.fromkeys(part.strip() for part in params.pop("ids").split(",") if part.strip()))
    if not 1 <= len(ids) <= MOST_IDS:
        raise bad_parameter(f"Too many IDs. Maximum: {MOST_IDS}. Provided: {len(ids)}.")
    return {one: _body(api, replace(call, params=params, segments=(one, *call.segments))) for one in ids}


def _body(api: Api, call: Call) -> object:
    reply = api.answer(call, in_batch=True)
    body = json.loads(reply.body)
    if reply.status < 400:
        if "paging" in body:
            body["paging"].pop("next", None), body["paging"].pop("previous", None)
        return body
    if body["error"].get("error_subcode") == 33:
        raise unknown_alias(call.segments[0])
    raise _Failed(reply)
