"""A webhook and a mail server on this machine that are up, down, slow or choosy, as a test wants."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread


class Webhook(ThreadingHTTPServer):
    """Takes messages at any path; `answer` is the status that it gives, 0 to give none until `let_go`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answer = 200
        self.messages: list[str] = []
        self.asked = 0
        self.let_go = Event()


class _Post(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.asked += 1
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        if not self.server.answer:
            self.server.let_go.wait()
            return
        self.send_response(self.server.answer)
        if self.server.answer == 302:
            self.send_header("Location", f"{self.server.url}/login")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
        if self.server.answer == 200:
            self.server.messages.append(message)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tell nothing."""


class MailServer(ThreadingTCPServer):
    """Takes mail in the clear; `refused` are the addresses that it has no box for."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.port = int(self.server_address[1])
        self.refused: set[str] = set()
        self.mails: list[tuple[str, str]] = []
        self.sessions = 0

    def to(self, address: str) -> list[str]:
        """The mails that came to an address."""
        return [mail for recipient, mail in self.mails if recipient == address]


class _Mail(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.server.sessions += 1
        recipient = ""
        self._say("220 mail.test")
        while line := self.rfile.readline().decode().strip():
            command = line.upper()
            if command.startswith("RCPT"):
                recipient = line.partition("<")[2].partition(">")[0]
                self._say("550 no such box" if recipient in self.server.refused else "250 ok")
            elif command == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                self.server.mails.append((recipient, "\n".join(lines)))
                self._say("250 kept")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook in a thread of this process."""
    with Webhook() as server:
        yield from _served(server)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server in a thread of this process."""
    with MailServer() as server:
        yield from _served(server)


def _served(server: Webhook | MailServer) -> Iterator:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if isinstance(server, Webhook):
            server.let_go.set()
        server.shutdown()
        thread.join()
