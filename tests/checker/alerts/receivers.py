"""Where messages go in tests: a mail server, and a web server that stands for ntfy and others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """A mail server that keeps what it gets."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


class Chosen(Controller):
    """A controller that takes any free port; aiosmtpd itself tries to connect to port 0."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # it has no types


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Chosen(box, hostname="127.0.0.1", port=0, ready_timeout=60)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Inbox:
    """A web server that keeps what it gets."""

    port: int = 0
    status: int = 200
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Method, path and body."""
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, within_s: float = 150.0) -> None:
        """Wait until this many requests came."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, within_s), self.requests


@contextmanager
def web_server() -> Iterator[Inbox]:
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            self.send_response(box.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            with box.came:
                box.requests.append((self.command, self.path, body))
                box.came.notify_all()

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
