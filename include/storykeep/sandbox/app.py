"""The ASGI application: one for the three ports, told apart by the port that a request came in on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any, Literal
from urllib.parse import parse_qsl

from storykeep.sandbox.api import Api
from storykeep.sandbox.batch import answer_batch
from storykeep.sandbox.calls import Call, Reply
from storykeep.sandbox.cdn import Cdn, story_of
from storykeep.sandbox.control import PREFIX, Control, Stream
from storykeep.sandbox.errors import ApiError
from storykeep.sandbox.faults import Fault, mar, spoil
from storykeep.sandbox.forms import read_form
from storykeep.sandbox.multi import answer
from storykeep.sandbox.world.accounts import Flavour

_LOG = logging.getLogger(__name__)
_MB = 1024 * 1024
_LARGEST_BODY, _LARGEST_CONTROL = 16 * _MB, 64 * _MB  # a fault may hold a reply of any size
Host = Literal["facebook", "instagram", "cdn"]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class App:
    """Reads requests, hands them to the right part, writes replies.

    Args:
        ports: which host each port stands for.
        latency: seconds before every reply but those of the control endpoints.
    """

    def __init__(self, *, api: Api, cdn: Cdn, control: Control, ports: Mapping[int, Host], latency: float) -> None:
        self._api, self._cdn, self._control = api, cdn, control
        self._ports, self._latency = ports, latency

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a mistake of the sandbox itself goes to its log and closes the connection."""
        try:
            await self._answer(scope, receive, send)
        except Exception:
            _LOG.exception("the sandbox failed at %s %s", scope["method"], scope["path"])
            raise

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        params = dict(parse_qsl(scope["query_string"].decode("ascii", "replace")))
        largest = _LARGEST_CONTROL if path.startswith(PREFIX) else _LARGEST_BODY
        body = await _read_body(receive, largest) if method in ("POST", "PUT", "DELETE") else b""
        if body is None:
            words = f'{{"error":"the body is larger than {largest // _MB} MB"}}'
            await self._write(send, Reply(413, words, headers=[("Connection", "close")]))
            return
        if path.startswith(PREFIX):
            reply = self._control.answer(method, path, params, body)
            await (self._stream(receive, send, reply) if isinstance(reply, Stream) else self._write(send, reply))
            return
        if self._latency:
            await asyncio.sleep(self._latency)
        host = self._ports[scope["server"][1]]
        if host == "cdn":
            await self._send_media(send, path, params)
        else:
            reply = self._graph(host, scope, params, body)
            self._api.journal.sent(reply)
            if reply.delay:
                await asyncio.sleep(reply.delay)
            await self._write(send, reply)

    def _graph(self, host: Flavour, scope: Mapping[str, Any], params: dict[str, str], body: bytes) -> Reply:
        headers = dict(scope["headers"])
        if body:
            params |= read_form(body, headers.get(b"content-type", b"").decode("latin-1"))
        token = params.pop("access_token", None) or _bearer(headers.get(b"authorization", b""))
        call = Call.make(host, scope["method"], scope["path"], params, token)
        if call.method == "POST" and not call.segments:
            return answer_batch(self._api, call)
        return answer(self._api, call)

    async def _send_media(self, send: Send, path: str, params: Mapping[str, str]) -> None:
        story = self._api.state.stories.find(story_of(path) or "")
        owner = story.account.ig_user_id if story else None
        fault = self._api.faults.strike("cdn", owner, self._api.clock.now())
        reply, content = self._media(path, params, fault)
        mar(reply, fault)
        self._api.log.count("cdn", owner, len(content), in_batch=False)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        await self._write(send, reply, content)

    def _media(self, path: str, params: Mapping[str, str], fault: Fault | None) -> tuple[Reply, bytes]:
        """The answer to a link, or what a fault leaves of it; an error is its words."""
        try:
            spoiled = spoil(fault) if fault else None
        except ApiError as error:
            return Reply(error.status, "", "text/plain"), error.message.encode("utf-8", "replace")
        if spoiled is not None:
            return spoiled, spoiled.body.encode("utf-8", "replace")
        status, content_type, content = self._cdn.answer(path, params, self._api.clock.now())
        return Reply(status, "", content_type), content

    async def _write(self, send: Send, reply: Reply, content: bytes | None = None) -> None:
        """Send a reply; a cut one promises all its bytes and stops halfway, upon which the server closes."""
        content = reply.body.encode("utf-8", "replace") if content is None else content
        cut = reply.cut or reply.lost
        headers = [("Date", self._date()), ("Content-Type", reply.content_type), *reply.headers]
        raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers]
        raw.append((b"content-length", b"%d" % max(len(content), int(cut))))
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        body = content[: len(content) // 2] if cut else content
        await send({"type": "http.response.body", "body": body, "more_body": cut})

    async def _stream(self, receive: Receive, send: Send, stream: Stream) -> None:
        """Send a long reply in parts, answer others between them, and stop when the client has left."""
        left = asyncio.ensure_future(_until_left(receive))
        try:
            await self._send_parts(send, stream, left)
        finally:
            left.cancel()

    async def _send_parts(self, send: Send, stream: Stream, left: asyncio.Future[None]) -> None:
        headers = [(b"date", self._date().encode()), (b"content-type", stream.content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in stream.parts:
            if left.done():
                return
            await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    def _date(self) -> str:
        return formatdate(self._api.clock.now().timestamp(), usegmt=True)


def _bearer(header: bytes) -> str | None:
    return header[7:].decode("latin-1").strip() if header[:7].lower() == b"bearer " else None


async def _read_body(receive: Receive, largest: int) -> bytes | None:
    """The whole body; None of one that is too large, without reading on."""
    chunks, size = [], 0
    while size <= largest:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if not message.get("more_body", False):
            return b"".join(chunks)
    return None


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
