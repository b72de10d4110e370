"""The sandbox itself: requests and batch items that one server process answers on one core.

Rates are per second of the server's own CPU time, which the clients beside it on the same machine do not blur, and by
the clock, which they do. A listing at first sight is one whose stories were not asked for before.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from time import monotonic
from urllib.parse import urlencode, urlsplit

import plain
from figures import Figure
from stage import Account, Bench, connected_accounts, sandbox_process, sandbox_stack, settings_of

from storykeep.settings import GraphSettings

ACCOUNTS, QUICK_ACCOUNTS = 1_000, 100
CLIENTS = 2
REQUESTS_TARGET, ITEMS_TARGET = 500, 5_000


@dataclass(frozen=True)
class Request:
    """One HTTP request, ready to be sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class Pace:
    """How many calls were answered in how many seconds by the clock and of the server's CPU; the replies."""

    calls: int
    wall: float
    cpu: float
    replies: list[bytes]

    def figures(self, what: str, unit: str, target: float) -> Iterator[Figure]:
        """The two rates."""
        yield Figure(f"{what}, per CPU second", self.calls / self.cpu, unit, at_least=target)
        yield Figure(f"{what}, by the clock", self.calls / self.wall, unit)


def measure(bench: Bench) -> Iterator[Figure]:
    """Ask one half of the accounts one by one and the other half in batches, both twice, and then for insights."""
    size = QUICK_ACCOUNTS if bench.quick else ACCOUNTS
    with sandbox_stack(accounts=4 * size + 20) as stack:
        api = settings_of(stack).graph("facebook")
        accounts = connected_accounts(stack, "facebook")[: 2 * size]
        yield from _single(bench, api, accounts[:size])
        yield from _batched(bench, api, accounts[size:])


def _single(bench: Bench, api: GraphSettings, accounts: list[Account]) -> Iterator[Figure]:
    calls = [plain.listing(api, account) for account in accounts]
    for sight in ("at first sight", "again"):
        with bench.step(f"{len(calls):,} listings one by one, {sight}"):
            pace = _drive(api, [_get(call) for call in calls], len(calls))
        yield from pace.figures(f"single listings, {sight}", "requests/s", REQUESTS_TARGET)
    listed = [json.loads(reply) for reply in pace.replies]
    readings = [_get(call) for call in _readings(api, accounts, listed)[: 4 * len(accounts)]]
    with bench.step(f"{len(readings):,} insights one by one"):
        pace = _drive(api, readings, len(readings))
    yield from pace.figures("single insights", "requests/s", REQUESTS_TARGET)


def _batched(bench: Bench, api: GraphSettings, accounts: list[Account]) -> Iterator[Figure]:
    calls = [plain.listing(api, account) for account in accounts]
    for sight in ("at first sight", "again"):
        with bench.step(f"{len(calls):,} listings in batches, {sight}"):
            pace = _drive(api, _posts(api, calls), len(calls))
        yield from pace.figures(f"batched listings, {sight}", "items/s", ITEMS_TARGET)
    listed = [json.loads(item["body"]) for reply in pace.replies for item in json.loads(reply)]
    readings = _readings(api, accounts, listed)
    with bench.step(f"{len(readings):,} insights in batches"):
        pace = _drive(api, _posts(api, readings), len(readings))
    yield from pace.figures("batched insights", "items/s", ITEMS_TARGET)


def _readings(api: GraphSettings, accounts: list[Account], listed: Sequence[dict[str, list]]) -> list[plain.Call]:
    return [
        call
        for account, stories in zip(accounts, listed, strict=True)
        for story in stories["data"]
        for call in plain.reading(api, account, story["id"])
    ]


def _get(call: plain.Call) -> Request:
    return Request("GET", f"/{call.path}?{urlencode(call.params)}", {"Authorization": f"Bearer {call.token}"})


def _posts(api: GraphSettings, calls: Sequence[plain.Call]) -> list[Request]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return [
        Request("POST", f"/{api.version}/", form, urlencode(batch).encode()) for batch in plain.batch_forms(api, calls)
    ]


def _drive(api: GraphSettings, requests: Sequence[Request], calls: int) -> Pace:
    """Send them over a few connections that are kept, each request when the one before it on its line is answered."""
    server = sandbox_process()
    lines = [requests[place::CLIENTS] for place in range(CLIENTS)]
    before, begun = server.cpu_times(), monotonic()
    with ThreadPoolExecutor(CLIENTS) as side_by_side:
        answered = list(side_by_side.map(lambda line: _send(api, line), lines))
    wall, after = monotonic() - begun, server.cpu_times()
    replies = [answered[place % CLIENTS][place // CLIENTS] for place in range(len(requests))]
    return Pace(calls, wall, after.user + after.system - before.user - before.system, replies)


def _send(api: GraphSettings, requests: Sequence[Request]) -> list[bytes]:
    connection, replies = HTTPConnection(urlsplit(api.base_url).netloc), []
    for request in requests:
        connection.request(request.method, request.target, request.body, request.headers)
        replies.append(connection.getresponse().read())
    connection.close()
    return replies
