"""Unix sockets: listen on one, connect to one, and identify the peer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield an address for a Unix socket at any path: a plain address has room for 107 bytes.
    Raises OSError.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def credentials(writer: asyncio.StreamWriter) -> tuple[int, int, int]:
    """Return PID, uid and gid of the peer, from the kernel. Source: unix(7), SO_PEERCRED."""
    peer = writer.get_extra_info("socket")
    pid, uid, gid = struct.unpack(
        "3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return pid, uid, gid


def listen(path: Path) -> socket.socket:
    """Open the daemon's socket. Everyone may connect; `credentials` says who did."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with reachable(path) as address:
        listener.bind(address)
    path.chmod(0o666)
    listener.listen(1024)
    return listener
