"""Find sshd's sessions, the sockets that they own, and the processes above them.

The sshd child that owns a listener is not dumpable: everyone sees its uid, but only a privileged
process sees its descriptors (proc(5)).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from checker.linux.processes import Process, read_process, sockets_of
from checker.model import ProcessId

SSHD_NAMES = frozenset({"sshd", "sshd-session"})
SESSION_TITLE = re.compile(r"(?:sshd|sshd-session): [^\s@/\[]+(?:@notty)?\Z")
"""`sshd: USER` or `sshd: USER@notty`; not `[priv]`, `[net]` or `[listener]`, and not one with a
terminal, which is a person's login.
"""
PRIVATE_LISTENER = re.compile(r"sshd: .* -f (?P<run>/.*)/_sshd_config \[listener\]")
"""The title of a listening sshd that `up` started; it shows which home it serves."""


def is_session(process: Process, uid: int) -> bool:
    """Return whether this is an sshd session of the tunnel user: only such a process may we end."""
    return (
        process.name in SSHD_NAMES
        and process.uid == uid
        and SESSION_TITLE.match(process.title) is not None
    )


def session_above(pid: int, uid: int) -> ProcessId | None:
    """Return the sshd session that started the process, at any distance; None if there is none.

    psutil goes up only from a child to a parent that is older.
    """
    try:
        process: psutil.Process | None = psutil.Process(pid)
        while process is not None and process.pid > 1:
            if process.name() in SSHD_NAMES:
                found = read_process(process.pid)
                if found is not None and is_session(found, uid):
                    return found.id
            process = process.parent()
    except psutil.Error:
        return None
    return None


def login_took_s(session: ProcessId) -> float | None:
    """Return the seconds from connection to login: sshd's monitor starts with the first, the
    session with the second.

    None if unknown: root's session has no monitor.
    """
    process = read_process(session.pid)
    monitor = read_process(process.parent) if process else None
    if monitor is None or monitor.name not in SSHD_NAMES or "[priv]" not in monitor.title:
        return None
    return (session.start_ticks - monitor.id.start_ticks) / os.sysconf("SC_CLK_TCK")


def elsewhere(session: ProcessId, run: Path) -> str:
    """Return the directory of another gateway on this machine whose private sshd serves this
    session; empty if there is none.

    Two homes may share one tunnel user. A session whose listening sshd has ended belongs to no
    other gateway.
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
    """Return all sshd sessions of the tunnel user."""
    return tuple(process for process in sshd_processes() if is_session(process, uid))


def sshd_processes() -> Iterator[Process]:
    """Yield the processes of each sshd on this machine."""
    try:
        for process in psutil.process_iter(["name"]):
            found = read_process(process.pid) if process.info["name"] in SSHD_NAMES else None
            if found is not None:
                yield found
    finally:
        psutil.process_iter.cache_clear()  # else it keeps 0.7 kB for each process of this machine


def sessions_below(pid: int) -> tuple[int, ...]:
    """Return the PIDs of all sshd processes that a listening sshd started, at any depth."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return ()
    return tuple(sorted(child.pid for child in children if name_of(child) in SSHD_NAMES))


def name_of(process: psutil.Process) -> str:
    """Return its name; empty if it has ended."""
    try:
        return process.name()
    except psutil.Error:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A process that holds a listener and is not an sshd session of the tunnel user."""

    process: ProcessId
    clause: str
    """Which process it is."""


def strangers(inodes: frozenset[int], uid: int) -> dict[int, Stranger]:
    """Return which other process holds which of these sockets; sockets of sshd sessions, and of
    processes that we may not look at, are missing.
    """
    found: dict[int, Stranger] = {}
    for pid in psutil.pids():
        held = inodes & (sockets_of(pid) or frozenset())
        process = read_process(pid) if held else None
        if process is not None and not is_session(process, uid):
            clause = f"process {pid} ({process.name}) of uid {process.uid}"
            for inode in held:
                found.setdefault(inode, Stranger(process=process.id, clause=clause))
    return found


def other_holder(inodes: frozenset[int], uid: int) -> str:
    """Name another process that holds one of these sockets, as a clause; empty if there is none
    that we may look at, or only an sshd session.
    """
    return next((one.clause for one in strangers(inodes, uid).values()), "")


def scan(uid: int) -> dict[int, ProcessId]:
    """Return which session owns which socket, by inode; empty if we may not look."""
    return owners(
        (process.id, sockets_of(process.id.pid) or frozenset()) for process in sessions(uid)
    )


def owners(held: Iterable[tuple[ProcessId, frozenset[int]]]) -> dict[int, ProcessId]:
    """Return the oldest process of each socket: a fork of the session that is about to run a
    command briefly has its sockets too.
    """
    found: dict[int, ProcessId] = {}
    for process, inodes in sorted(held, key=lambda one: (one[0].start_ticks, one[0].pid)):
        for inode in inodes:
            found.setdefault(inode, process)
    return found
