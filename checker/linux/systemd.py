"""Notify systemd about the daemon, if systemd started it, and ask it about a unit."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where systemd looks for units. Source: systemd.unit(5)."""
ANSWERS_WITHIN_S = 60


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


def is_unit(name: str) -> bool:
    """Return whether there is a file for the unit. Needs no answer of systemd."""
    return any((Path(folder) / name).exists() for folder in UNIT_FOLDERS)


def is_enabled(name: str) -> bool | None:
    """Return whether systemd starts the unit at boot; None if it does not answer, as without D-Bus
    it does not answer ordinary users.
    """
    done = asked("is-enabled", name)
    if done is None:
        return None
    return done.returncode == 0 if done.returncode == 0 or done.stdout.strip() else None


def state_of(name: str) -> str | None:
    """Return whether a unit runs, in systemd's word, such as `active` or `failed`; None if systemd
    does not answer.
    """
    done = asked("is-active", name)
    return (done.stdout.strip() or None) if done else None


def main_pid(name: str) -> int:
    """Return the PID of a service's main process; 0 if it has none or systemd does not answer."""
    done = asked("show", "--property", "MainPID", "--value", name)
    pid = done.stdout.strip() if done else ""
    return int(pid) if pid.isdigit() else 0


def asked(*words: str) -> subprocess.CompletedProcess[str] | None:
    """Run systemctl with these words; None if that is impossible."""
    try:
        return subprocess.run(
            ["systemctl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWERS_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
