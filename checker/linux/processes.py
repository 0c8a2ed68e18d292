"""Facts about processes: by psutil, or by hand what psutil lacks or reads too slowly.

The start time in ticks since boot identifies a process. psutil reports it as wall clock time, which
moves when that clock is set. `sockets_of` is by hand, because psutil has no inodes.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from checker.model import ProcessId

PROC = Path("/proc")
CAP_DAC_READ_SEARCH = 2
CAP_SYS_PTRACE = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What everyone may know about a process."""

    id: ProcessId
    parent: int
    name: str
    uid: int
    """The effective user ID."""
    title: str
    """The command line, its words joined by spaces; sshd writes its own text there."""


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if it does not exist or is a
    zombie. Source: proc(5), /proc/pid/stat, fields 3 and 22.
    """
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(process: ProcessId) -> bool:
    """Return whether that very process still runs."""
    return start_ticks(process.pid) == process.start_ticks


def read_process(pid: int) -> Process | None:
    """Return the facts about a process; None if it does not exist or has ended."""
    before = start_ticks(pid)
    if before is None:
        return None
    try:
        found = psutil.Process(pid)
        with found.oneshot():
            parent, name = found.ppid(), found.name()
            uid, title = found.uids().effective, " ".join(found.cmdline())
    except psutil.Error:
        return None
    if start_ticks(pid) != before:  # it ended meanwhile, and its PID may be reused
        return None
    return Process(
        id=ProcessId(pid=pid, start_ticks=before),
        parent=parent,
        name=name,
        uid=uid,
        title=title.rstrip(),
    )


def started_at(process: ProcessId, now: float, uptime_s: float) -> float:
    """Return when a process started, in Unix seconds. Both clocks must be read at one moment."""
    return now - uptime_s + process.start_ticks / os.sysconf("SC_CLK_TCK")


def sockets_of(pid: int) -> frozenset[int] | None:
    """Return the inodes of the sockets that a process has open; None if we may not look, or it is
    gone.
    """
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - on the hot path of a scan over thousands of processes
    except OSError:
        return None
    inodes = set()
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - as above
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(int(link[8:-1]))
    return frozenset(inodes)


def sockets_held_by(process: ProcessId) -> frozenset[int]:
    """Return the inodes of the sockets that this very process has open; none if we may not look, or
    it is gone.
    """
    found = sockets_of(process.pid)
    return found if found and is_alive(process) else frozenset()


def processes_of(uid: int) -> tuple[ProcessId, ...]:
    """Return all processes of the user."""
    processes = map(read_process, psutil.pids())
    return tuple(process.id for process in processes if process and process.uid == uid)


def may_look() -> bool:
    """Return whether this process may see which session owns a socket: it is root, or has
    CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (capabilities(7)).
    """
    status = (PROC / "self" / "status").read_text(encoding="ascii", errors="replace")
    effective = re.search(r"^CapEff:\t([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(effective[1], 16) if effective else 0
    return all(bits >> capability & 1 for capability in (CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE))


def parent_of(pid: int) -> int | None:
    """Return the parent's PID; None if there is no such process."""
    try:
        return int(psutil.Process(pid).ppid())
    except psutil.Error:
        return None


def children_of(pid: int) -> tuple[int, ...]:
    """Return the PIDs of the process's children; none if it has ended."""
    try:
        listed = (PROC / str(pid) / "task" / str(pid) / "children").read_text(encoding="ascii")
        return tuple(map(int, listed.split()))
    except FileNotFoundError:  # it has ended, or the kernel has no such lists
        with contextlib.suppress(psutil.Error):
            return tuple(child.pid for child in psutil.Process(pid).children())
    except (OSError, ValueError):
        pass
    return ()


def catches(pid: int, number: signal.Signals) -> bool:
    """Return whether the process has a handler for this signal, which else may end it. Source:
    proc(5), /proc/pid/status, SigCgt.
    """
    try:
        status = (PROC / str(pid) / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\t([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)
