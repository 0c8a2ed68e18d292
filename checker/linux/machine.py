"""How busy this machine is, and what it has left: processors, memory, processes, descriptors."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from checker.model import Machine, Usage

PROCESS_LIMITS = (Path("/proc/sys/kernel/pid_max"), Path("/proc/sys/kernel/threads-max"))


def cores() -> int:
    """Return how many processors this machine has."""
    return psutil.cpu_count() or 1


def read_machine() -> Machine:
    """Return what this machine has now."""
    memory = psutil.virtual_memory()
    limits = [int(path.read_text(encoding="ascii")) for path in PROCESS_LIMITS if path.exists()]
    return Machine(
        cores=cores(),
        load=os.getloadavg()[0],
        memory=memory.total,
        memory_left=memory.available,
        processes=len(psutil.pids()),
        most_processes=min(limits, default=1 << 15),
    )


def usage_of(pid: int) -> Usage | None:
    """Return what a process uses now; None if it has ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info().rss
            began_at = process.create_time()
        try:
            descriptors, limit = process.num_fds(), process.rlimit(psutil.RLIMIT_NOFILE)[0]
        except psutil.AccessDenied:
            descriptors, limit = None, None
    except psutil.Error:
        return None
    return Usage(
        cpu_s=times.user + times.system,
        memory=memory,
        descriptors=descriptors,
        most_descriptors=limit,
        began_at=began_at,
    )
