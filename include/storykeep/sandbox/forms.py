"""Parameters in the body of a request: a form, a form in parts, or JSON."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """The parameters; files are left aside, and JSON that is no object holds none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _parts(body, content_type)
    text = body.decode("utf-8", "replace")
    return _members(text) if kind == "application/json" else dict(parse_qsl(text))


def _parts(body: bytes, content_type: str) -> dict[str, str]:
    message = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    parts: list[Message] = message.get_payload() if message.is_multipart() else []  # type: ignore[assignment]  # or text
    return {
        str(part.get_param("name", header="content-disposition")): (part.get_payload(decode=True) or b"").decode(
            "utf-8", "replace"
        )  # type: ignore[union-attr]  # bytes
        for part in parts
        if part.get_filename() is None
    }


def _members(text: str) -> dict[str, str]:
    """JSON members as the API takes them: what is not text stays JSON."""
    try:
        members = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(members, dict):
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
