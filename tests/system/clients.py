"""SSH clients of devices: OpenSSH's and dropbear's, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.programs import run_program

ANSWER_WITHIN_S = 150.0
QUICK_LOGIN = "KexAlgorithms=^curve25519-sha256"
"""As bundles have it; OpenSSH's own choice costs 75 ms of CPU more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device knows of its gateway, and the device's own key."""

    node: str
    ports: tuple[int, ...]
    targets: tuple[str, ...]
    """HOST:PORT for each port."""
    user: str
    host: str
    ssh_port: int
    host_key: str
    config: Path
    """The file that `node add --client-config` wrote; the key is beside it."""
    inside: tuple[str, ...] = ()
    """Command prefix that enters the device's network namespace, if it has one."""

    @property
    def key(self) -> Path:
        return self.config.with_name(self.config.name + ".key")

    def forwards(self) -> list[str]:
        """The -R options of all forwards."""
        return [
            word
            for port, target in zip(self.ports, self.targets, strict=True)
            for word in ("-R", f"{port}:{target}")
        ]

    def ssh(self, *options: str) -> list[str]:
        """The command line of OpenSSH's client, up to and with the gateway's name."""
        known = self.key.with_name(f"{self.node}.known")
        known.write_text(f"[{self.host}]:{self.ssh_port} {self.host_key}\n", encoding="ascii")
        settings = [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}",
            "ExitOnForwardFailure=yes",
            "LogLevel=ERROR",
            QUICK_LOGIN,
        ]
        given = [word for setting in settings for word in ("-o", setting)]
        place = ["-p", str(self.ssh_port), f"{self.user}@{self.host}"]
        return [*self.inside, "ssh", "-F", "none", "-i", str(self.key), *given, *options, *place]

    def dbclient(self, *options: str) -> list[str]:
        """The command line of dropbear's client, with the key in dropbear's format.

        It accepts any host key (-y -y): it reads known hosts only from the home directory.
        """
        key = self.key.with_name(f"{self.node}.dropbear")
        if not key.exists():
            subprocess.run(
                ["dropbearconvert", "openssh", "dropbear", str(self.key), str(key)],
                check=True,
                capture_output=True,
            )
        place = ["-p", str(self.ssh_port), f"{self.user}@{self.host}"]
        return [
            *self.inside,
            "dbclient",
            "-y",
            "-y",
            "-i",
            str(key),
            "-o",
            "ExitOnForwardFailure=yes",
            "-K",
            "15",
            *options,
            *place,
        ]

    def ask(
        self, *request: str, options: Sequence[str] = ("-T",)
    ) -> subprocess.CompletedProcess[str]:
        """Log in, and send one request."""
        words = [*self.ssh(*options), *request]
        return run_program(words)

    def verdict(self, *request: str) -> int:
        """The integer that answers a request."""
        done = self.ask(*request)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    def connect(self, *request: str, options: Sequence[str] = ()) -> Connection:
        """Open a connection that carries the forwards; by default it registers with `hold`."""
        return Connection(
            [*self.ssh("-T", *self.forwards(), *options), *(request or ("hold", "first"))]
        )

    def connect_unheard(self) -> Connection:
        """Open a tunnel without any request to the checker."""
        return Connection(self.ssh("-N", *self.forwards()))


def is_reloading(complaint: str) -> bool:
    """Whether a client was turned away by an sshd that reads its configuration again: for a few
    milliseconds it listens to nobody, and those who wait to be accepted are lost.
    """
    return "Connection refused" in complaint or "Connection reset by" in complaint


class Connection:
    """A running client; a test writes its input lines and reads its answers."""

    def __init__(self, words: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def beat(self, within_s: float = ANSWER_WITHIN_S) -> int:
        """Send a line; return the integer that answers it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        end = time.monotonic() + within_s
        heard = b""
        while not heard.endswith(b"\n"):
            ready, _, _ = select.select(
                [self.process.stdout], [], [], max(0.0, end - time.monotonic())
            )
            assert ready, f"no answer to a beat within {within_s:g} s"
            part = os.read(self.process.stdout.fileno(), 1)
            assert part, f"the connection ended: {self.complaint()}"
            heard += part
        return int(heard)

    @contextlib.contextmanager
    def beating(self, every_s: float) -> Iterator[None]:
        """Beat in a thread during the block."""
        stopping = threading.Event()
        problems: list[BaseException] = []

        def run() -> None:
            try:
                while not stopping.wait(every_s):
                    self.beat()
            except (AssertionError, OSError) as error:
                problems.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
        assert not problems, problems

    def freeze(self) -> None:
        """Stop the client; its TCP still acknowledges."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def vanish(self) -> None:
        """Kill the client; its kernel closes the connection."""
        self.process.kill()
        self.process.wait()

    def complaint(self) -> str:
        """Wait for the client's end; return all of its stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def ended(self, within_s: float = ANSWER_WITHIN_S) -> int:
        """Wait for the exit status."""
        return self.process.wait(within_s)

    def close(self) -> None:
        if self.lives:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()
