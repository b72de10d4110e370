"""A TCP proxy that does harm: it stands between the client and the sandbox and spoils what passes through.

A toxic is a function that is handed one exchange, a request that has come whole, and answers it badly.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

_PATIENCE = 5.0  # seconds that any socket of the proxy waits at most


@dataclass
class Exchange:
    """One request of the client's, and the means to answer it."""

    request: bytes
    _peer: socket.socket
    _upstream: tuple[str, int]

    def reply(self) -> bytes:
        """What the server behind the proxy says to the request."""
        with socket.create_connection(self._upstream, timeout=_PATIENCE) as upstream:
            upstream.sendall(self.request)
            return _message(upstream)

    def send(self, data: bytes) -> None:
        """Send bytes to the client at once."""
        self._peer.sendall(data)

    def close(self) -> None:
        """End the connection in good order (FIN)."""
        self._peer.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Tear the connection down (RST)."""
        self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._peer.close()


Toxic = Callable[[Exchange], None]


class Proxy:
    """Passes whole exchanges on, or hands them to the toxic in force. `exchanges` counts the requests that came."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.exchanges = self.connections = 0
        self.refuses = False
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def befall(self, toxic: Toxic, times: int | None = None) -> None:
        """Let the toxic have the next exchanges, all of them unless told how many."""
        with self._lock:
            self._toxic, self._left = toxic, times
            self.exchanges = self.connections = 0

    def heal(self) -> None:
        """Pass everything on again."""
        self.befall(faithful)

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that accepts
        with self._lock:
            for one in (self._listener, *self._open):
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuses:
                Exchange(b"", peer, self._upstream).reset()
                continue
            with self._lock:
                self._open.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        peer.settimeout(_PATIENCE)
        with peer:
            try:
                while request := _message(peer):
                    self._next()(Exchange(request, peer, self._upstream))
            except OSError:
                return
            finally:
                with self._lock:
                    self._open.discard(peer)

    def _next(self) -> Toxic:
        with self._lock:
            self.exchanges += 1
            if self._left == 0:
                return faithful
            if self._left is not None:
                self._left -= 1
            return self._toxic


@contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of `upstream` (http://host:port)."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


def faithful(exchange: Exchange) -> None:
    """No harm."""
    exchange.send(exchange.reply())


def latency(seconds: float) -> Toxic:
    """The reply comes late."""

    def late(exchange: Exchange) -> None:
        time.sleep(seconds)
        faithful(exchange)

    return late


def drip(pieces: int, seconds: float) -> Toxic:
    """The reply comes in so many pieces, over so many seconds."""

    def dripping(exchange: Exchange) -> None:
        reply = exchange.reply()
        size = max(1, -(-len(reply) // pieces))
        for start in range(0, len(reply), size):
            exchange.send(reply[start : start + size])
            time.sleep(seconds / pieces)

    return dripping


def cut_after(size: int) -> Toxic:
    """So many bytes of the reply come, then the connection is closed in good order; a negative size counts back."""

    def cut(exchange: Exchange) -> None:
        exchange.send(exchange.reply()[:size])
        exchange.close()

    return cut


def reset_after(size: int) -> Toxic:
    """So many bytes of the reply come, then the connection is torn down."""

    def torn(exchange: Exchange) -> None:
        exchange.send(exchange.reply()[:size])
        time.sleep(0.02)  # a reset would overtake what was just sent
        exchange.reset()

    return torn


def reset_before_asking(exchange: Exchange) -> None:
    """The request never reaches the server."""
    exchange.reset()


def silent_for(seconds: float) -> Toxic:
    """Nothing comes, and the connection stays open."""
    return lambda exchange: time.sleep(seconds)


def says(raw: bytes) -> Toxic:
    """These bytes come instead of any reply, and the connection is closed."""

    def speak(exchange: Exchange) -> None:
        exchange.send(raw)
        exchange.close()

    return speak


def rewritten(change: Callable[[bytes], bytes], *headers: bytes) -> Toxic:
    """The body comes changed, under a Content-Length that fits it, with further headers; nothing looks amiss."""

    def forge(exchange: Exchange) -> None:
        head, _, body = exchange.reply().partition(b"\r\n\r\n")
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
        new = change(body)
        exchange.send(b"\r\n".join([*kept, *headers, b"Content-Length: %d" % len(new)]) + b"\r\n\r\n" + new)

    return forge


def only(wanted: Callable[[bytes], bool], toxic: Toxic) -> Toxic:
    """The toxic for those requests alone whose bytes are wanted."""
    return lambda exchange: (toxic if wanted(exchange.request) else faithful)(exchange)


def _message(peer: socket.socket) -> bytes:
    """One HTTP message with its body, or what came of it before the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = peer.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, _ = data.partition(b"\r\n\r\n")
    whole = len(head) + 4 + _length(head)
    while len(data) < whole and (piece := peer.recv(65536)):
        data += piece
    return data


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
