"""Ports of the loopback: which are free, and which are taken."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence

BLOCK = 40
"""The number of ports of one gateway."""
SINGLE = range(11000, 20000)
"""Ports of `free_port`, below those of nodes and those of outgoing connections: else the kernel
gives one to a client of another test before anybody listens on it.
"""
KEPT = 300
"""The number of claims that one process keeps; the oldest ones end first."""
claims: deque[socket.socket] = deque()
chance = random.SystemRandom()
"""Hypothesis seeds the usual one alike in each process."""


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a connection to the port is accepted."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        return trial.connect_ex((host, port)) == 0


def accepts_inside(inside: Sequence[str], port: int, host: str) -> bool:
    """Whether a connection in a network namespace is accepted. `inside` enters it; if that is
    empty, it is our own.
    """
    if not inside:
        return accepts(port, host)
    script = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
    words = [*inside, sys.executable, "-S", "-c", script]
    return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0


def free_port() -> int:
    """A port of the loopback that is free now, and that no other test gets."""
    while True:
        port = chance.choice(SINGLE)
        claim = claimed(f"port-{port}")
        if claim is None:
            continue
        if is_free(port):
            claims.append(claim)
            if len(claims) > KEPT:
                claims.popleft().close()
            return port
        claim.close()


def free_block() -> tuple[range, socket.socket]:
    """Gateway ports that are free now, and a claim on them, to be closed when they are not needed
    any more.

    Tests run side by side, and a gateway has ports on which nobody listens yet.
    """
    while True:
        first = chance.randrange(20000, 32000, BLOCK)
        claim = claimed(f"ports-{first}")
        if claim is None:
            continue
        if not any(accepts(port) for port in range(first, first + BLOCK)):
            return range(first, first + BLOCK), claim
        claim.close()


def is_free(port: int) -> bool:
    """Whether one could listen on the port."""
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def claimed(name: str) -> socket.socket | None:
    """A claim on what has this name; None: another test has it.

    An abstract socket is one per machine, and leaves no file.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0reversi-tests-{name}")
    except OSError:
        claim.close()
        return None
    return claim
