"""Facts about processes, from /proc."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from checker.model import CheckerError, ProcessId

PROC = Path("/proc")
CAP_DAC_READ_SEARCH = 2
CAP_SYS_PTRACE = 19


class ProcFormatError(CheckerError):
    """A table under /proc is not as proc(5) has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What everyone may know of a process."""

    id: ProcessId
    parent: int
    name: str
    uid: int
    title: str


def read_process(pid: int) -> Process | None:
    """The facts of a process; None where there is none."""
    folder = PROC / str(pid)
    try:
        stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        status = (folder / "status").read_text(encoding="utf-8", errors="replace")
        title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[0] in "ZX":
        return None
    uid = re.search(r"^Uid:\t\d+\t(\d+)", status, re.MULTILINE)
    if uid is None:
        raise ProcFormatError(f"{folder}/status has no Uid line")
    return Process(
        id=ProcessId(pid=pid, start_ticks=int(fields[19])),
        parent=int(fields[1]),
        name=name,
        uid=int(uid[1]),
        title=title.rstrip(),
    )


def started_at(process: ProcessId, now: float, uptime_s: float) -> float:
    """When a process began, in Unix seconds, at a moment of which both clocks are given."""
    return now - uptime_s + process.start_ticks / os.sysconf("SC_CLK_TCK")


def is_alive(process: ProcessId) -> bool:
    """Whether that very process still runs."""
    found = read_process(process.pid)
    return found is not None and found.id == process


def sockets_of(pid: int) -> frozenset[int] | None:
    """Inodes of the sockets that a process has open; None where we may not look, or it is gone."""
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


def processes_of(uid: int) -> tuple[ProcessId, ...]:
    """All that runs as the user."""
    processes = [read_process(int(name)) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - as above
    return tuple(process.id for process in processes if process and process.uid == uid)


def may_look() -> bool:
    """Whether this process may see which session owns a socket: root, or CAP_SYS_PTRACE with
    CAP_DAC_READ_SEARCH (capabilities(7)).
    """
    status = (PROC / "self" / "status").read_text(encoding="ascii", errors="replace")
    effective = re.search(r"^CapEff:\t([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(effective[1], 16) if effective else 0
    return all(bits >> capability & 1 for capability in (CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE))


def parent_of(pid: int) -> int | None:
    process = read_process(pid)
    return process.parent if process else None
