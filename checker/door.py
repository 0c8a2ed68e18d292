"""The daemon's socket: who may knock, told by the kernel, and who knocks."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import socket
import struct
from pathlib import Path

from checker.config import Config
from checker.control import reachable
from checker.model import CheckerError


def operator_uids(config: Config) -> frozenset[int]:
    """Root, the daemon's own user, and the members of the operators' group."""
    uids = {0, os.geteuid()}
    if config.operators_group:
        try:
            group = grp.getgrnam(config.operators_group)
        except KeyError:
            raise CheckerError(
                f"operators_group {config.operators_group!r} is no group here; make it with"
                " groupadd"
            ) from None
        uids |= {
            user.pw_uid
            for user in pwd.getpwall()
            if user.pw_gid == group.gr_gid or user.pw_name in group.gr_mem
        }
    return frozenset(uids)


def credentials(writer: asyncio.StreamWriter) -> tuple[int, int, int]:
    """PID, uid and gid of the peer, from the kernel: unix(7), SO_PEERCRED."""
    peer = writer.get_extra_info("socket")
    pid, uid, gid = struct.unpack(
        "3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return pid, uid, gid


def listen(path: Path) -> socket.socket:
    """The daemon's socket; whoever may reach it is told apart by credentials, not by its mode."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with reachable(path) as address:
        listener.bind(address)
    path.chmod(0o666)
    listener.listen(1024)
    return listener
