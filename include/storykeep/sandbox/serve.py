"""Runs the sandbox: three ports on 127.0.0.1 in one process."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import uvicorn

from storykeep.errors import StorykeepError
from storykeep.sandbox import switchboard
from storykeep.sandbox.api import Api
from storykeep.sandbox.app import App, Host
from storykeep.sandbox.cdn import Cdn
from storykeep.sandbox.clock import VirtualClock
from storykeep.sandbox.control import PREFIX, Control
from storykeep.sandbox.tokens import AppCredentials, TokenBook
from storykeep.sandbox.view import State
from storykeep.sandbox.world.accounts import Flavour, World
from storykeep.sandbox.world.campaigns import campaigns_of
from storykeep.sandbox.world.posts import Posts
from storykeep.sandbox.world.stories import Stories

_ADDRESS = "127.0.0.1"
_BACKLOG = 512
_READY_SECONDS = 10


@dataclass(frozen=True)
class Running:
    """Where a running sandbox answers, and the apps' credentials."""

    facebook: str
    instagram: str
    cdn: str
    app: dict[Flavour, AppCredentials]

    def ready_line(self) -> str:
        """The addresses as one line of JSON."""
        apps = {flavour: {"id": app.id, "secret": app.secret} for flavour, app in self.app.items()}
        hosts = {"facebook": self.facebook, "instagram": self.instagram, "cdn": self.cdn}
        return json.dumps({**hosts, "control": self.facebook + PREFIX, "app": apps})


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a sandbox is like.

    Args:
        accounts: the size of the world.
        seed: which world.
        start: the clock's first reading.
        history_days: days from the start to the "present" of token lives and campaigns.
        speed: virtual seconds per real second; 0 is frozen.
        latency_ms: delay of every reply but control's.
        port_base: facebook's port, instagram's is the next, the CDN's the one after; 0 takes three free ones.
    """

    accounts: int = 14
    seed: int = 1
    start: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    history_days: int = 0
    speed: float = 0.0
    latency_ms: int = 0
    port_base: int = 0


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; the first line on stdout says where.

    Raises:
        StorykeepError: a port is taken, or the world cannot be.
    """
    server, running = _prepare(options)
    gc.set_threshold(100_000)  # answers leave no circles behind, and looking for them takes a tenth of the time
    server.run(on_ready=lambda: print(running.ready_line(), flush=True))


@contextmanager
def sandbox(**options: Any) -> Iterator[Running]:
    """A sandbox in a thread of this process, with the Options given by name, on free ports unless told otherwise.

    Raises:
        StorykeepError: the world cannot be, or it does not come up.
    """
    server, running = _prepare(Options(**options))
    ready = threading.Event()
    thread = threading.Thread(target=server.run, kwargs={"on_ready": ready.set}, name="sandbox", daemon=True)
    thread.start()
    try:
        if not ready.wait(_READY_SECONDS):
            raise StorykeepError("the sandbox did not start", where=running.facebook, remedy="look for its traceback")
        yield running
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """One uvicorn server over several sockets."""

    def __init__(self, app: App, sockets: list[socket.socket]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",  # a cut reply is no error; the application tells of its own
                access_log=False,
                server_header=False,
                date_header=False,  # the application sends the virtual date
                proxy_headers=False,
                timeout_keep_alive=120,
                timeout_graceful_shutdown=1,
            )
        )
        self._sockets = sockets
        self._on_ready: Callable[[], None] = lambda: None

    def run(self, sockets: list[socket.socket] | None = None, *, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until told to stop, calling `on_ready` once the ports answer."""
        self._on_ready = on_ready
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets=sockets or self._sockets))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets=sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT and end well, where uvicorn would raise the signal again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, *_: Any) -> None:
        self.should_exit = True


def _prepare(options: Options) -> tuple[_Server, Running]:
    switchboard.reset()  # an earlier sandbox of this process may have left them otherwise
    world = World(accounts=options.accounts, seed=options.seed, start=options.start, history_days=options.history_days)
    clock = VirtualClock(options.start, options.speed)
    hosts: tuple[Host, ...] = get_args(Host)
    sockets = {host: _listen(options.port_base + place if options.port_base else 0) for place, host in enumerate(hosts)}
    ports = {host: bound.getsockname()[1] for host, bound in sockets.items()}
    urls = {host: f"http://{_ADDRESS}:{port}" for host, port in ports.items()}
    campaigns, cdn = campaigns_of(world), Cdn(urls["cdn"], options.seed)
    state = State(
        world=world,
        stories=Stories(world, campaigns),
        posts=Posts(world),
        tokens=TokenBook(world),
        cdn=cdn,
        urls={"facebook": urls["facebook"], "instagram": urls["instagram"]},
    )
    api = Api(state, clock)
    app = App(
        api=api,
        cdn=cdn,
        control=Control(api, campaigns),
        ports={port: host for host, port in ports.items()},
        latency=options.latency_ms / 1000,
    )
    running = Running(urls["facebook"], urls["instagram"], urls["cdn"], state.tokens.apps)
    return _Server(app, list(sockets.values())), running


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_ADDRESS, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StorykeepError(
            f"port {port} cannot be had: {error}", where="--port-base", remedy="free it, or choose another"
        ) from None
    return listener
