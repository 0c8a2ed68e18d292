"""Count connections that have not logged in yet, by the titles of this machine's sshd processes.

Done by hand: it remembers each process, and so costs 1 ms for 600 processes; psutil's process_iter
costs 82 ms.
"""

from __future__ import annotations

import os
import re

from checker.sshd.sessions import SSHD_NAMES

NAMES = SSHD_NAMES | {"sshd-auth"}
BEGINNING = re.compile(
    rb"(?:sshd|sshd-session|sshd-auth): (?:\[(?:accepted|net)\]|[^ \0]+ \[net\])"
)
"""A connection before its login: `[accepted]` until it names a user, with `[net]` once keys are
exchanged; then `USER [net]`.
"""
HELPER = re.compile(rb"(?:sshd|sshd-session|sshd-auth): \[net\]")
"""Runs beside an `[accepted]` that is counted."""


class Logins:
    """Read the title of each process twice, and not again once it cannot be waiting for a login. If
    none is left, look again only after a process began.
    """

    def __init__(self) -> None:
        self.met: frozenset[str] = frozenset()
        self.settled: frozenset[str] = frozenset()
        self.newest = ""
        """The newest process at the last look; empty if there was more to look at."""

    def waiting(self) -> tuple[int, ...] | None:
        """Return one PID for each connection that waits now; None if the processes of other users
        are hidden.
        """
        newest = newest_process()
        if newest and newest == self.newest:
            return ()
        there = frozenset(name for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - a scan over thousands of processes
        if "1" not in there:
            return None
        titles = {name: title_of(name) for name in there - self.settled}
        beginning = {
            name for name, title in titles.items() if BEGINNING.match(title) and is_sshd(name)
        }
        # a new process may still become another program
        self.settled = (self.settled & there) | ((titles.keys() & self.met) - beginning)
        self.met = there
        self.newest = "" if there - self.settled else newest
        return tuple(int(name) for name in beginning if not HELPER.match(titles[name]))


def newest_process() -> str:
    """Return the PID of the process that began last; empty if it cannot be read. Source: proc(5),
    /proc/loadavg, field 5.
    """
    try:
        with open("/proc/loadavg", encoding="ascii") as load:  # noqa: PTH123 - as above
            return load.read().split()[-1]
    except (OSError, IndexError):
        return ""


def title_of(name: str) -> bytes:
    """Return a process's title; empty if the process is gone."""
    try:
        with open(f"/proc/{name}/cmdline", "rb") as title:  # noqa: PTH123 - as above
            return title.read(256)
    except OSError:
        return b""


def is_sshd(name: str) -> bool:
    try:
        with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as comm:  # noqa: PTH123 - as above
            return comm.read().rstrip("\n") in NAMES
    except OSError:
        return False
