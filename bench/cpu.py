"""Read the CPU time and memory of processes from /proc."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil


def own_cpu_s(process: psutil.Process) -> float:
    """Return the user and system time of one process."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def precise_cpu_s(process: psutil.Process) -> float:
    """Return the time of a process with one thread, to the nanosecond.

    Ticks would miss a thousand processes that each use a millisecond. Source: /proc/PID/schedstat,
    first field (Documentation/scheduler/sched-stats); if it is missing, ticks.
    """
    try:
        return (
            int(Path(f"/proc/{process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        )
    except OSError:
        return own_cpu_s(process)


def tree_cpu_s(root: psutil.Process) -> float:
    """Return the time of a process, of its descendants, and of all children that they reaped.

    The descendants must have one thread each.
    """
    total = own_cpu_s(root)
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total += (
                spent.children_user
                + spent.children_system
                + (precise_cpu_s(process) if process != root else 0.0)
            )
    return total


def tree_of(root: psutil.Process) -> list[psutil.Process]:
    """Return a process and its descendants."""
    return [root, *root.children(recursive=True)]


def exact_cpu_s(root: psutil.Process) -> float:
    """Return the time of a process and its descendants, for each thread to the nanosecond.

    The time of reaped children is added in ticks.
    """
    total = 0.0
    for process in tree_of(root):
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            spent = process.cpu_times()
            threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
            total += (
                sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9
            )
            total += spent.children_user + spent.children_system
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory of a process, in MB."""

    rss_mb: float
    pss_mb: float


def memory_of(process: psutil.Process) -> Memory:
    """Return the resident and the proportional set size of a process."""
    found = process.memory_full_info()
    return Memory(rss_mb=found.rss / 1e6, pss_mb=found.pss / 1e6)
