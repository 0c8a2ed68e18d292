"""What systemd is told, where it runs us. Source: sd_notify(3)."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from client.words import State, View

MORE_TIME_S = 150
"""More than any step to a tunnel may take."""


class Notifier:
    """Writes to NOTIFY_SOCKET; without one it does nothing."""

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
        """How often to send a sign of life; None: nobody waits for one."""
        self.is_ready = False
        self.shown = ""

    def send(self, *lines: str) -> None:
        """A supervisor that is gone is not our trouble."""
        if not self.address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            try:
                channel.sendto("\n".join(lines).encode(), self.address)
            except OSError:
                return

    def show(self, view: View) -> None:
        """READY=1 once the tunnel was up for the first time, and one line of STATUS whenever it
        changes.

        On a slow link the start may take longer than systemd waits (TimeoutStartSec=), so more time
        is asked for.
        """
        status = (
            f"{view.state.value} via {view.gateway}"
            if view.gateway
            else f"{view.state.value}{': ' if view.error else ''}{view.error}"
        )
        lines = [f"STATUS={status}"] if status != self.shown else []
        self.shown = status
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
