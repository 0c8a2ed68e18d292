"""Services behind a forward on the node's side: real TCP listeners whose manners a test changes."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
import threading
from enum import Enum

from tests.system.waiting import until

BANNER = b"SSH-2.0-target\r\n"
LISTENER = """
import socket, sys
host, port, banner = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
server = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
print(server.getsockname()[1], flush=True)
kept = []
while True:
    peer, _ = server.accept()
    kept.append(peer)
    try:
        peer.sendall(banner)
    except OSError:
        pass
"""  # noqa: E501 - one line of what runs
"""A program that listens, greets with the banner given (or with nothing), and keeps every
connection.
"""


class Manner(Enum):
    """How the service treats a connection."""

    ANSWERS = "answers"
    SILENT = "silent"
    CLOSES = "closes"


class Service:
    """A listener in this process; it counts its visitors."""

    def __init__(self, banner: bytes = BANNER) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.banner = banner
        self.manner = Manner.ANSWERS
        self.silent_for = 0
        """So many connections more get no answer, whatever the manner."""
        self.visits = 0
        self.kept: list[socket.socket] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def target(self) -> str:
        """HOST:PORT, and the expected response."""
        return f"127.0.0.1:{self.port},banner:SSH-2.0"

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                self.meet(peer)

    def meet(self, peer: socket.socket) -> None:
        self.visits += 1
        if self.manner is Manner.CLOSES:
            peer.close()
            return
        self.forget_ended()
        self.kept.append(peer)
        if self.silent_for > 0 or self.manner is Manner.SILENT:
            self.silent_for -= 1
            return
        with contextlib.suppress(OSError):
            peer.sendall(self.banner)

    def forget_ended(self) -> None:
        """Close what the other side has closed, unless we keep silent: probes of an hour would take
        all descriptors of this process.
        """
        if self.manner is Manner.ANSWERS:
            poll = select.poll()
            for peer in self.kept:
                poll.register(peer, select.POLLRDHUP)
            ended = {descriptor for descriptor, _ in poll.poll(0)}
            for peer in [one for one in self.kept if one.fileno() in ended]:
                self.kept.remove(peer)
                peer.close()

    def close(self) -> None:
        """Stop; the port is free afterwards."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for peer in self.kept:
            peer.close()


class Stranger:
    """A process of its own that listens on a port."""

    def __init__(
        self, port: int, *, banner: str = "", host: str = "127.0.0.1", inside: tuple[str, ...] = ()
    ) -> None:
        words = [*inside, sys.executable, "-c", LISTENER, host, str(port), banner]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Traffic:
    """A visitor who connects to a port again and again, whatever comes back: a scanned or busy
    port.
    """

    def __init__(self, port: int, every_s: float) -> None:
        self.port = port
        self.every_s = every_s
        self.connected = 0
        self.stopping = threading.Event()
        self.kept: list[socket.socket] = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        until(lambda: self.connected, "the first connection")

    def run(self) -> None:
        while not self.stopping.wait(self.every_s):
            with contextlib.suppress(OSError):
                self.kept.append(socket.create_connection(("127.0.0.1", self.port), timeout=1))
                self.connected += 1

    def close(self) -> None:
        self.stopping.set()
        self.thread.join()
        for peer in self.kept:
            peer.close()
