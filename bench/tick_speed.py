"""A tick over 1,000 facebook accounts and their live stories at 100 ms latency, against two other ways to read them.

The usual loop asks for one thing after another; it is timed on some of the accounts and scaled. The floor sends the
same batches and neither parses nor keeps what comes back. All three ask for the same listings and metric groups of a
sandbox that has been asked for all of them before, so that none waits for it to make them up. Tick and floor work in as
many processes as the deployment has shards, as the DAG does, and those have started before the time is taken.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context

import plain
import psycopg
import requests
from figures import Figure
from stage import START, Account, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in, timed

from storykeep.capture.engine import capture
from storykeep.clock import fixed_clock
from storykeep.graph.client import open_clients
from storykeep.graph.metrics import media_groups
from storykeep.local.stack import LocalStack
from storykeep.settings import Settings

ACCOUNTS, LOOP_ACCOUNTS = 1_000, 50
QUICK_ACCOUNTS, QUICK_LOOP_ACCOUNTS = 100, 5
LATENCY_MS = 100
TIMEOUT_SECONDS = 60
START_SECONDS = 60


@dataclass
class _Work:
    """Whom to ask, and by IG user id which stories there are."""

    accounts: list[Account]
    stories: dict[str, list[str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many stories."""
        return sum(map(len, self.stories.values()))

    def resources(self, accounts: Iterable[Account]) -> int:
        """How many things there are to ask of these accounts: a listing each, and each group of each story."""
        groups = len(media_groups("STORY", "facebook"))
        return sum(1 + groups * len(self.stories.get(account["ig_user_id"], ())) for account in accounts)


def measure(bench: Bench) -> Iterator[Figure]:
    """Time the tick, the floor and the loop, in this order."""
    size, loop_size = (QUICK_ACCOUNTS, QUICK_LOOP_ACCOUNTS) if bench.quick else (ACCOUNTS, LOOP_ACCOUNTS)
    # About half of the accounts of a world are of the facebook flavour.
    with sandbox_stack(accounts=2 * size + 20, latency_ms=LATENCY_MS) as stack, ingest(settings_of(stack)) as conn:
        settings = settings_of(stack)
        work = _Work(connected_accounts(stack, "facebook")[:size])
        take_in(conn, settings, work.accounts, START)
        stack.ask_sandbox("truth")  # makes up every story
        with _processes(settings.shards) as side_by_side:
            before = _requests(stack)
            with bench.step(f"a tick in {settings.shards} shards"):
                tick = timed(lambda: _tick(side_by_side, settings))
            sent = _requests(stack) - before
            work.stories = _stories(conn)
            batches = _batches(settings, work)
            with bench.step("the floor: the same batches, nothing parsed or kept"):
                floor = timed(lambda: _floor(side_by_side, settings, batches))
        with bench.step(f"the usual loop over {loop_size} accounts"):
            loop = timed(lambda: _usual_loop(settings, work.accounts[:loop_size]))
    resources = work.resources(work.accounts)
    loop *= resources / work.resources(work.accounts[:loop_size])
    yield Figure(f"tick over {size:,} accounts with {work.size:,} live stories, {LATENCY_MS} ms latency", tick, "s")
    yield Figure("the usual loop, scaled, against that tick", loop / tick, "times", at_least=50)
    yield Figure("that tick against its batches sent bare", tick / floor, "times", at_most=3)
    yield Figure("one request per resource, against the requests of that tick", resources / sent, "times", at_least=30)


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    """So many processes, all of which have started."""
    context = get_context("spawn")
    started = context.Barrier(count + 1)
    with ProcessPoolExecutor(count, context, initializer=started.wait) as side_by_side:
        for _ in range(count):
            side_by_side.submit(int)
        started.wait(START_SECONDS)
        yield side_by_side


def _tick(side_by_side: Executor, settings: Settings) -> None:
    """One tick in its shards, side by side."""
    shards = range(settings.shards)
    if not all(side_by_side.map(_capture, [settings] * settings.shards, shards)):
        raise RuntimeError("a shard read nothing")


def _capture(settings: Settings, shard: int) -> int:
    """Capture one shard; returns how many stories were read."""
    with ingest(settings) as conn:
        clients, run_id = open_clients(settings), f"bench-{shard}"
        run = capture(conn, settings, clients, fixed_clock(START), run_id, shard=shard, shards=settings.shards)
    return run.counts["readings"]


def _requests(stack: LocalStack) -> int:
    return int(stack.ask_sandbox("log").json()["requests"])


def _stories(conn: psycopg.Connection) -> dict[str, list[str]]:
    """What the tick has found, by IG user id."""
    rows = conn.execute(
        "select ig_user_id, array_agg(story_id) from app.story_clock join app.accounts using (account_id) group by 1"
    )
    return dict(rows.fetchall())


def _batches(settings: Settings, work: _Work) -> list[dict[str, str]]:
    """The forms of all batches: the listings, then the readings with each story's calls in one batch."""
    api, groups = settings.graph("facebook"), len(media_groups("STORY", "facebook"))
    forms = list(plain.batch_forms(api, [plain.listing(api, account) for account in work.accounts]))
    calls = [
        call
        for account in work.accounts
        for story_id in work.stories.get(account["ig_user_id"], ())
        for call in plain.reading(api, account, story_id)
    ]
    together = plain.BATCH // groups * groups
    for first in range(0, len(calls), together):
        forms += plain.batch_forms(api, calls[first : first + together])
    return forms


def _floor(side_by_side: Executor, settings: Settings, forms: list[dict[str, str]]) -> None:
    """Send the batches in as many lines as the tick has shards, each batch when the one before it is answered."""
    lines = [forms[line :: settings.shards] for line in range(settings.shards)]
    list(side_by_side.map(_post, [settings] * settings.shards, lines))


def _post(settings: Settings, forms: list[dict[str, str]]) -> None:
    api = settings.graph("facebook")
    with requests.Session() as session:
        for form in forms:
            session.post(f"{api.base_url}/{api.version}/", data=form, timeout=TIMEOUT_SECONDS).raise_for_status()


def _usual_loop(settings: Settings, accounts: Iterable[Account]) -> None:
    """What most pollers do: one request for each resource, one after another."""
    api = settings.graph("facebook")
    with requests.Session() as session:
        for account in accounts:
            listed = _get(session, api.base_url, plain.listing(api, account)).json()
            for story in listed["data"]:
                for call in plain.reading(api, account, story["id"]):
                    _get(session, api.base_url, call)


def _get(session: requests.Session, base_url: str, call: plain.Call) -> requests.Response:
    session.headers["Authorization"] = f"Bearer {call.token}"
    return session.get(f"{base_url}/{call.path}", params=call.params, timeout=TIMEOUT_SECONDS)
