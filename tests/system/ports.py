"""Ports of the loopback: which are free, and which are taken."""

from __future__ import annotations

import random
import socket

BLOCK = 40
"""The number of ports of one gateway."""


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a connection to the port is accepted."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        return trial.connect_ex((host, port)) == 0


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def free_block() -> tuple[range, socket.socket]:
    """Gateway ports that are free now, and a claim on them, to be closed when they are not needed
    any more.

    Tests run side by side, and a gateway has ports on which nobody listens yet. An abstract socket
    is one per machine, and leaves no file.
    """
    while True:
        first = random.randrange(20000, 32000, BLOCK)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0reversi-tests-ports-{first}")
        except OSError:
            claim.close()
            continue
        if not any(accepts(port) for port in range(first, first + BLOCK)):
            return range(first, first + BLOCK), claim
        claim.close()
