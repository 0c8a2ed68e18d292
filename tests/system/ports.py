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


def free_block() -> range:
    """Gateway ports that are free now; each gateway of a run takes its own."""
    while True:
        first = random.randrange(20000, 32000, BLOCK)
        if not any(accepts(port) for port in range(first, first + BLOCK)):
            return range(first, first + BLOCK)
