"""A CDN that misbehaves on demand: each path answers as it was told to."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 40
Behaviour = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request; `reply` is all that a behaviour needs."""

    protocol_version = "HTTP/1.1"
    server: "OddCdn"

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        self.server.behaviours[self.path](self)

    def reply(self, body: bytes = JPEG, status: int = 200, *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")  # said, lest a client that was not told asks on a closed connection
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tell nothing."""


class OddCdn(ThreadingHTTPServer):
    """Where it is, what it does, and how often each path was asked for. `let_go` ends every reply that is held back."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: Counter[str] = Counter()
        self.let_go = Event()

    def serves(self, path: str, behaviour: Behaviour) -> str:
        """From now on this path behaves so; returns its URL."""
        self.behaviours[path] = behaviour
        return f"http://{self.host}{path}"

    def handle_error(self, *_: object) -> None:
        """A client that hung up is what some tests are about."""


@contextmanager
def odd_cdn() -> Iterator[OddCdn]:
    """A CDN in a thread of this process."""
    with OddCdn() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="odd-cdn", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.let_go.set()
            server.shutdown()
            thread.join()
