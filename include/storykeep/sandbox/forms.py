"""Parameters in the body of a request: a form, a form in parts, or JSON."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl

from storykeep.sandbox.calls import read_json


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """The parameters; files are left aside, and JSON that is no object holds none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _parts(body, content_type)
    text = body.decode("utf-8", "replace")
    return _members(text) if kind == "application/json" else dict(parse_qsl(text))


def _parts(body: bytes, content_type: str) -> dict[str, str]:
    message = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    parts = [part for part in message.walk() if not part.is_multipart() and part.get_filename() is None]
    return {_name(part): _text(part) for part in parts if part is not message}


def _name(part: Message) -> str:
    return str(part.get_param("name", header="content-disposition"))


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _members(text: str) -> dict[str, str]:
    """JSON members as the API takes them: what is not text stays JSON."""
    try:
        members = read_json(text)
    except ValueError:
        return {}
    if not isinstance(members, dict):
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
