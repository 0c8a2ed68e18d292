"""Whether a terminal came over the network, by the processes that this one descends from.

sudo and su drop SSH_CONNECTION from the environment, but the shell before them still has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SERVERS = ("sshd", "dropbear", "mosh-server", "tailscaled", "telnetd", "in.telnetd")
"""Beginnings of the names of programs that serve a terminal over the network; OpenSSH's is `sshd`,
and from 9.8 on `sshd-session`.
"""
MOST = 64
"""As many parents as are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A process that this one descends from."""

    name: str
    environ: bytes = b""
    """As in /proc/PID/environ; empty if we may not read it."""


def came_over_network(parents: Iterable[Parent]) -> bool:
    """Whether one of them serves a terminal over the network, or knows of an SSH connection."""
    return any(
        parent.name.startswith(SERVERS)
        or any(
            setting.startswith(b"SSH_CONNECTION=") and not setting.endswith(b"=")
            for setting in parent.environ.split(b"\0")
        )
        for parent in parents
    )


def parents() -> Iterator[Parent]:
    """Yield the parents of this process, the nearest first, as far as we may look."""
    pid = os.getppid()
    for _ in range(MOST):
        if pid <= 1:
            return
        found = stat_of(pid)
        if found is None:
            return
        name, above = found
        yield Parent(name=name, environ=environ_of(pid))
        pid = above


def stat_of(pid: int) -> tuple[str, int] | None:
    """The name of a process and its parent; None if it is gone or hidden. Source: proc(5),
    /proc/pid/stat.
    """
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    head, _, rest = text.rpartition(")")
    return head.partition("(")[2], int(rest.split()[1])


def environ_of(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""
