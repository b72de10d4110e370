"""One sandbox for all of these tests; each finds it at its start, without faults."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from storykeep.sandbox.serve import Running, sandbox

START = datetime(2026, 11, 1, tzinfo=UTC)
HISTORY_DAYS = 14


@dataclass
class World:
    """The sandbox as seen over HTTP."""

    running: Running
    http: requests.Session
    accounts: list[dict[str, str]]

    def control(self, method: str, path: str, body: Any = None, port: str = "cdn") -> requests.Response:
        return self.http.request(method, f"{getattr(self.running, port)}/_sandbox/{path}", json=body, timeout=10)

    def advance(self, **interval: float) -> None:
        unit = {"days": 86400, "hours": 3600, "minutes": 60}
        seconds = sum(unit[name] * amount for name, amount in interval.items())
        assert self.control("POST", "clock", {"advance": seconds}).status_code == 200

    def account(self, number: int) -> dict[str, str]:
        return self.accounts[number]

    def get(self, account: dict[str, str], path: str, token: str | None = None, **params: object) -> requests.Response:
        base = getattr(self.running, account["login_flavour"])
        token = account["access_token"] if token is None else token
        return self.http.get(f"{base}/v26.0/{path}", params={"access_token": token, **params}, timeout=10)

    def stories(self, account: dict[str, str], fields: str = "id,media_type,timestamp") -> list[dict[str, Any]]:
        reply = self.get(account, f"{account['ig_user_id']}/stories", fields=fields, limit=100)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def truth(self) -> dict[str, dict[str, Any]]:
        return {row["story_id"]: row for row in self.control("GET", "truth").json()["stories"]}

    def items(self, batch: list[dict[str, Any]]) -> list[Any]:
        """The answers to the items of a batch."""
        reply = self.send_batch(batch)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def batch(self, items: list[str], token: str | None = None, **form: str) -> requests.Response:
        return self.send_batch([{"method": "GET", "relative_url": item} for item in items], token, **form)

    def send_batch(self, items: list[dict[str, Any]], token: str | None = None, **form: str) -> requests.Response:
        token = token or f"{self.running.app['facebook'].id}|{self.running.app['facebook'].secret}"
        form = {"batch": json.dumps(items), "access_token": token, **form}
        return self.http.post(f"{self.running.facebook}/v26.0/", data=form, timeout=10)

    @staticmethod
    def error(reply: requests.Response) -> tuple[int, int | None]:
        """Code and subcode of an error reply."""
        error = reply.json()["error"]
        assert {"message", "type", "code", "fbtrace_id"} <= error.keys()
        assert reply.status_code >= 400
        return error["code"], error.get("error_subcode")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=14, seed=5, start=START, history_days=HISTORY_DAYS) as started:
        yield started


@pytest.fixture
def world(running: Running) -> Iterator[World]:
    with requests.Session() as http:
        text = http.get(f"{running.cdn}/_sandbox/accounts.csv", timeout=10).text
        world = World(running, http, list(csv.DictReader(io.StringIO(text))))
        world.control("POST", "clock", {"now": "2026-11-05T20:00:00Z", "speed": 0})
        for what in ("faults", "log", "grants", "dialog", "switches"):
            world.control("DELETE", what)
        yield world
        world.control("DELETE", "switches")  # which are the whole process's
