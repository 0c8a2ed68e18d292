"""Notify systemd of the tunnel's state, if systemd started us. Source: sd_notify(3)."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from client.words import State, View

MORE_TIME_S = 150
"""Longer than any step on the way to a tunnel may take."""


class Notifier:
    """Write to NOTIFY_SOCKET; do nothing if it is not set."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self.address = "\0" + path[1:] if path.startswith("@") else path
        period_us = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        self.watchdog_s = (
            int(period_us) / 2e6
            if self.address and ours and period_us.isascii() and period_us.isdigit()
            else None
        )
        """How often to send a sign of life; None: systemd's watchdog is off."""
        self.is_ready = False
        self.status = ""

    def send(self, *lines: str) -> None:
        """Send the lines, and ignore a failure: systemd may be restarting."""
        if not self.address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            try:
                channel.sendto("\n".join(lines).encode(), self.address)
            except OSError:
                return

    def show(self, view: View) -> None:
        """Send READY=1 when the tunnel comes up for the first time, and STATUS when it changes.

        On a slow link the start may take longer than TimeoutStartSec=, so ask for more time.
        """
        status = (
            f"{view.state.value} via {view.gateway}"
            if view.gateway
            else f"{view.state.value}{': ' if view.error else ''}{view.error}"
        )
        lines = [f"STATUS={status}"] if status != self.status else []
        self.status = status
        if not self.is_ready and view.state in {State.UP, State.PARTIAL}:
            self.is_ready = True
            lines.insert(0, "READY=1")
        if view.slow and not self.is_ready:
            lines.append(f"EXTEND_TIMEOUT_USEC={MORE_TIME_S * 1_000_000}")
        if view.state is State.STOPPED:
            lines.insert(0, "STOPPING=1")
        if lines:
            self.send(*lines)

    def sign_of_life(self) -> None:
        if self.watchdog_s is not None:
            self.send("WATCHDOG=1")
