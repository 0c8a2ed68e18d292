"""Who listens on which port, by the kernel's own tables: sockets, the sshd sessions that own them,
and their ancestry.

The sshd child that owns a listener is not dumpable: its uid shows to everyone, its descriptors to
the privileged alone (proc(5)).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from checker.linux.processes import PROC, Process, read_process, sockets_of
from checker.model import ProcessId

SSHD_NAMES = frozenset({"sshd", "sshd-session"})
SESSION_TITLE = re.compile(r"(?:sshd|sshd-session): [^\s@/\[]+(?:@notty)?\Z")
"""`sshd: USER` or `sshd: USER@notty`; not `[priv]`, `[net]`, `[listener]`, and no terminal: that is
a person's login.
"""
PRIVATE_LISTENER = re.compile(r"sshd: .* -f (?P<run>/.*)/_sshd_config \[listener\]")
"""The title of a listening sshd that `up` started: which home it serves."""


def is_session(process: Process, uid: int) -> bool:
    """Whether this is the sshd process of a session of the tunnel user's: one that we may end."""
    return (
        process.name in SSHD_NAMES
        and process.uid == uid
        and SESSION_TITLE.match(process.title) is not None
    )


def session_above(pid: int, uid: int) -> ProcessId | None:
    """The sshd session that the process was started by, walking up; never by trusting its parent
    blindly.
    """
    for _ in range(32):
        process = read_process(pid)
        if process is None or process.id.pid <= 1:
            return None
        if is_session(process, uid):
            return process.id
        pid = process.parent
    return None


def login_took_s(session: ProcessId) -> float | None:
    """Seconds from the connection to the end of its login: sshd's monitor begins with the one, the
    session with the other.

    None where that cannot be told: root's session has no monitor.
    """
    process = read_process(session.pid)
    monitor = read_process(process.parent) if process else None
    if monitor is None or monitor.name not in SSHD_NAMES or "[priv]" not in monitor.title:
        return None
    return (session.start_ticks - monitor.id.start_ticks) / os.sysconf("SC_CLK_TCK")


def elsewhere(session: ProcessId, run: Path) -> str:
    """The directory of another gateway on this machine whose private sshd serves this session;
    empty where none does.

    Two homes may have one tunnel user. A session whose listening sshd has ended is no other's.
    """
    pid = session.pid
    for _ in range(8):
        process = read_process(pid)
        if process is None or process.name not in SSHD_NAMES:
            return ""
        served = PRIVATE_LISTENER.match(process.title)
        if served:
            return "" if Path(served["run"]).resolve() == run.resolve() else served["run"]
        pid = process.parent
    return ""


def sessions(uid: int) -> tuple[Process, ...]:
    """All sshd sessions of the tunnel user."""
    found = []
    for name in os.listdir(PROC):  # noqa: PTH208 - as above
        if name.isdigit():
            try:
                with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as comm:  # noqa: PTH123 - as above
                    if comm.read().rstrip("\n") not in SSHD_NAMES:
                        continue
            except OSError:
                continue
            process = read_process(int(name))
            if process is not None and is_session(process, uid):
                found.append(process)
    return tuple(found)


def sessions_below(pid: int) -> tuple[int, ...]:
    """PIDs of all sshd processes that a listening sshd started, at any depth."""
    processes = [read_process(int(name)) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - as above
    parents = {
        process.id.pid: process.parent
        for process in processes
        if process and process.name in SSHD_NAMES
    }
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return tuple(sorted(below - {pid}))


def stranger(inodes: frozenset[int], uid: int) -> str:
    """Who else holds one of these sockets, as a clause; empty for nobody that we may look at, so
    for an sshd session at most.
    """
    for name in os.listdir(PROC):  # noqa: PTH208 - as above
        if name.isdigit() and inodes & (sockets_of(int(name)) or frozenset()):
            process = read_process(int(name))
            if process is not None and not is_session(process, uid):
                return f"process {name} ({process.name}) of uid {process.uid}"
    return ""


def scan(uid: int) -> dict[int, ProcessId]:
    """Which session owns which socket, by inode; empty where we may not look."""
    return owners(
        (process.id, sockets_of(process.id.pid) or frozenset()) for process in sessions(uid)
    )


def owners(held: Iterable[tuple[ProcessId, frozenset[int]]]) -> dict[int, ProcessId]:
    """The oldest process of each socket: a fork of the session, that is about to run a command, has
    its sockets for a moment too.
    """
    found: dict[int, ProcessId] = {}
    for process, inodes in sorted(held, key=lambda one: (one[0].start_ticks, one[0].pid)):
        for inode in inodes:
            found.setdefault(inode, process)
    return found
