"""A real HAProxy, its visitors, TLS services, and a mail server that speaks the PROXY protocol."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from tests.system.harness import Gateway
from tests.system.processes import end_all, with_descendants
from tests.system.waiting import until

ANSWER_WITHIN_S = 60.0
BASE = """
global
    stats socket {socket}
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
"""
"""What the machine's own configuration stands for: other defaults than ours, and no listener on a
port.
"""


class HaProxy:
    """HAProxy as its service runs it: master and worker, the machine's file first and then ours."""

    def __init__(self, gateway: Gateway) -> None:
        self.log = gateway.folder / "haproxy.log"
        self.path = gateway.home / "haproxy.cfg"
        base = gateway.folder / "base.cfg"
        base.write_text(BASE.format(socket=gateway.folder / "haproxy.sock"), encoding="utf-8")
        words = [shutil.which("haproxy") or "haproxy", "-W", "-f", str(base), "-f", str(self.path)]
        options = {**gateway.spawn_options(), "stdin": subprocess.DEVNULL}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, **options)
        until(lambda: "worker" in self.said() or self.process.poll() is not None, "haproxy runs")
        assert self.process.poll() is None, self.said()

    @property
    def reload(self) -> str:
        """The command that makes it read its files again."""
        return f"sh -c 'kill -USR2 {self.process.pid}'"

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        end_all(list(with_descendants(self.process.pid)))
        self.process.wait()


class Greeter:
    """A service on the node's side that serves each visitor in a thread of its own."""

    def __init__(self, meet: Callable[[socket.socket], None]) -> None:
        self.meet = meet
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.visitors: list[threading.Thread] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                self.visitors.append(threading.Thread(target=self.one, args=(peer,), daemon=True))
                self.visitors[-1].start()

    def one(self, peer: socket.socket) -> None:
        peer.settimeout(ANSWER_WITHIN_S)
        with peer, contextlib.suppress(OSError):
            self.meet(peer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for visitor in self.visitors:
            visitor.join()


def tls_greeter(certificate: Path, greeting: bytes) -> Greeter:
    """A TLS server that greets with its name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def meet(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as channel:
            channel.sendall(greeting)
            channel.recv(1)

    return Greeter(meet)


def mail_greeter(heard: list[bytes]) -> Greeter:
    """A mail server behind a proxy: it greets only after a PROXY line names the visitor."""

    def meet(peer: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\r\n"):
            part = peer.recv(1)
            if not part:
                return
            line += part
        heard.append(line)
        if line.startswith(b"PROXY TCP4 "):
            peer.sendall(b"220 mail.example.org ESMTP\r\n")
            peer.recv(1)

    return Greeter(meet)


def said_by(port: int, host: str = "127.0.0.1") -> bytes:
    """What a port sends unasked; empty if the connection is closed or refused."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_WITHIN_S) as channel:
            return channel.recv(100)
    except ConnectionError:
        return b""


def tls_said_by(port: int, name: str | None) -> bytes:
    """What a TLS service sends to a visitor who asks for that name; empty if there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as channel,
        ):
            return channel.recv(100)
    except (ConnectionError, ssl.SSLError):
        return b""
