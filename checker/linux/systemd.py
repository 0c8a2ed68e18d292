"""What systemd is told of the daemon, where it runs us."""

from __future__ import annotations

import os
import socket


def tell(*lines: str) -> None:
    """Write to NOTIFY_SOCKET; without one, or where nobody reads it, do nothing. Source:
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
