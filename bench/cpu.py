"""CPU time and memory of processes, from /proc."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil


def own_cpu_s(process: psutil.Process) -> float:
    """User and system time of one process."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def precise_cpu_s(process: psutil.Process) -> float:
    """The time of a process with one thread, to the nanosecond: of a thousand that each used a
    millisecond, ticks show nothing.

    Source: /proc/PID/schedstat (Documentation/scheduler/sched-stats), its first field; without it,
    ticks.
    """
    try:
        return (
            int(Path(f"/proc/{process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        )
    except OSError:
        return own_cpu_s(process)


def tree_cpu_s(root: psutil.Process) -> float:
    """The time of a process, of all below it (these have one thread each), and of all that they
    have reaped.
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
    """A process and all below it."""
    return [root, *root.children(recursive=True)]


def exact_cpu_s(root: psutil.Process) -> float:
    """The time of a process and of all below it, each thread to the nanosecond; of what they have
    reaped, in ticks.
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
    """What a process occupies, in MB."""

    rss_mb: float
    pss_mb: float


def memory_of(process: psutil.Process) -> Memory:
    """Its resident and its proportional set."""
    found = process.memory_full_info()
    return Memory(rss_mb=found.rss / 1e6, pss_mb=found.pss / 1e6)
