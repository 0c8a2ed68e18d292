"""Unix sockets: listen on one, connect to one, and identify the peer."""

from __future__ import annotations

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


def connect(peer: socket.socket, path: Path, within_s: float) -> None:
    """Connect, and give each later call on the socket that time too. Raises OSError.

    While the listener's queue is full, connect(2) waits if the socket blocks, in the order of
    arrival, and fails at once (EAGAIN) if it does not: with a timeout of Python's it does not.
    """
    seconds = struct.pack("@ll", int(within_s), int(within_s % 1 * 1_000_000))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
    with reachable(path) as address:
        peer.connect(address)
    peer.settimeout(within_s)


def credentials(peer: socket.socket) -> tuple[int, int, int]:
    """Return PID, uid and gid of the process at the other end. Source: unix(7), SO_PEERCRED."""
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
