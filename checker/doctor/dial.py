"""Connect to an SSH server in ssh's place (ProxyUseFdpass), and note which process serves it.

So the lines of sshd's log about this very login can be told from those about others. ssh gets the
connection itself, not a relay: sshd sees the real addresses. Source: ssh_config(5), ProxyUseFdpass.
"""

from __future__ import annotations

import array
import socket
import sys
from pathlib import Path

import psutil

from checker.linux.processes import sockets_of
from checker.linux.sockets import connected
from checker.sshd.sessions import SSHD_NAMES

CONNECTS_WITHIN_S = 10.0
GREETS_WITHIN_S = 10.0
NAMES = SSHD_NAMES | {"sshd-auth"}


def main(host: str, port: str, note: str) -> None:
    """Connect, write `ADDRESS PORT PID...` into the file `note`, and pass the connection on."""
    try:
        peer = socket.create_connection((host, int(port)), timeout=CONNECTS_WITHIN_S)
    except OSError as error:
        sys.exit(f"no connection: {error.strerror or error}")
    address, own_port = peer.getsockname()[:2]
    greets(peer)
    pids = served_by(f"[{address}]:{own_port}" if ":" in address else f"{address}:{own_port}")
    Path(note).write_text(" ".join(map(str, (address, own_port, *pids))), encoding="ascii")
    peer.setblocking(True)
    with socket.socket(fileno=1) as ssh:
        handle = array.array("i", [peer.fileno()])
        ssh.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handle)])


def greets(peer: socket.socket) -> bool:
    """Wait for the server's first byte, which stays unread: then the process that serves us has the
    connection. Return whether it came.
    """
    peer.settimeout(GREETS_WITHIN_S)
    try:
        return bool(peer.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


def served_by(peer: str) -> list[int]:
    """Return the processes of this machine's sshd that have the connection from ADDRESS:PORT open,
    as far as we may look.
    """
    try:
        inodes = {inode for inode, (_, other) in connected().items() if other == peer}
    except OSError:
        return []
    return [
        process.pid
        for process in psutil.process_iter(["name"])
        if process.info["name"] in NAMES and inodes & (sockets_of(process.pid) or frozenset())
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
