"""A Graph API that is one Python function: no network, no sleeping."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
import urllib3
from pydantic import SecretStr
from requests.adapters import BaseAdapter

from storykeep.graph.asks import Ask
from storykeep.graph.client import GraphClient
from storykeep.settings import Flavour, GraphSettings

SECRET = "canary-app-secret"
Replier = Callable[[requests.PreparedRequest], "tuple[int, Mapping[str, str], bytes | BytesIO]"]


class FakeAdapter(BaseAdapter):
    """Hands each request to a function and keeps it."""

    def __init__(self, reply: Callable[..., Any], listens: bool) -> None:
        super().__init__()
        self.requests: list[requests.PreparedRequest] = []
        self._reply = reply
        self._listens = listens
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, *, timeout: Any = None, **_: Any) -> requests.Response:
        with self._lock:
            self.requests.append(request)
        status, headers, body = self._reply(request, timeout[1]) if self._listens else self._reply(request)
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.url = request.url or ""
        response.request = request
        stream = BytesIO(body) if isinstance(body, bytes) else body
        response.raw = urllib3.HTTPResponse(stream, headers=dict(headers), status=status, preload_content=False)
        return response

    def close(self) -> None:
        pass


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


class Fake:
    """A client with a function for an API. One that `listens` is told, too, how many seconds the client listens."""

    def __init__(
        self,
        reply: Callable[..., Any],
        flavour: Flavour = "facebook",
        concurrency: int = 1,
        *,
        listens: bool = False,
    ) -> None:
        self.adapter = FakeAdapter(reply, listens)
        self.time = FakeTime()
        session = requests.Session()
        session.mount("http://", self.adapter)
        self.client = GraphClient(
            settings(flavour),
            session=session,
            sleep=self.time.sleep,
            concurrency=concurrency,
            rng=lambda: 0.5,
            monotonic=self.time,
        )

    @property
    def requests(self) -> list[requests.PreparedRequest]:
        return self.adapter.requests


def settings(flavour: Flavour = "facebook") -> GraphSettings:
    return GraphSettings(
        flavour=flavour,
        base_url="http://graph.test",
        version="v26.0",
        app_id="111",
        app_secret=SecretStr(SECRET),
        dialog_url="http://dialog.test",
        token_url="http://token.test",
    )


def proof_of(token: str) -> str:
    """The appsecret_proof of a token for the app of `settings`."""
    return hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


def ask(number: int = 1, token: str | None = None) -> Ask:
    return Ask(number, SecretStr(token or f"EAAcanary{number}"), f"{number}/stories", {"fields": "id"}, f"pool{number}")


def json_reply(body: Any, status: int = 200, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(body).encode()


def envelope(code: Any, subcode: Any = None, message: str = "it failed") -> dict[str, Any]:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    return {"error": error | ({"error_subcode": subcode} if subcode is not None else {})}


def item(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """One item of a batch's reply."""
    listed = [{"name": name, "value": value} for name, value in (headers or {}).items()]
    return {"code": code, "headers": listed, "body": json.dumps(body)}


def query(request: requests.PreparedRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.url or "").query))


def form(request: requests.PreparedRequest) -> dict[str, str]:
    body = request.body or ""
    text = body.decode() if isinstance(body, bytes) else body
    return {name: values[0] for name, values in parse_qs(text).items()}


def batch_of(request: requests.PreparedRequest) -> list[dict[str, Any]]:
    return list(json.loads(form(request)["batch"]))


def asked_number(batch_item: Mapping[str, Any]) -> int:
    """The number of the `ask(number)` that a batch item carries."""
    return int(str(batch_item["relative_url"]).split("/")[1])
