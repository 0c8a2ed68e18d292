"""Notify systemd about the daemon, if systemd started it."""

from __future__ import annotations

import os
import socket


def notify(*lines: str) -> None:
    """Write to NOTIFY_SOCKET; do nothing if it is unset or nobody reads it. Source:
    sd_notify(3).
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
        try:
            channel.sendto(
                "\n".join(lines).encode(), "\0" + path[1:] if path.startswith("@") else path
            )
        except OSError:
            return
