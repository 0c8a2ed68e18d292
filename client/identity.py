"""Which process on which machine this is, and whether another one still lives."""

from __future__ import annotations

import os
import platform
import secrets
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that can be told from a later one with its number."""

    pid: int
    start_ticks: int | None
    """Clock ticks since boot; without /proc (macOS) hundredths of a Unix second."""
    boot_id: str
    """Empty: the system does not say."""


def start_ticks_in(stat: str) -> int | None:
    """When a process started; None: it has ended, and only waits for its parent to ask how.

    Source: proc(5), /proc/pid/stat fields 3 and 22; the name before them may hold anything,
    brackets too.
    """
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def start_ticks_of(pid: int) -> int | None:
    """None: no such process, or it has ended."""
    if not PROC.is_dir():
        return begun_at(pid)
    try:
        return start_ticks_in(
            (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        )
    except (OSError, IndexError, ValueError):
        return None


def begun_at(pid: int) -> int | None:
    """When a process started, in hundredths of a Unix second: what macOS has. None as above."""
    import psutil  # a start on Linux does not pay for it

    try:
        process = psutil.Process(pid)
        return (
            None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 100)
        )
    except psutil.Error:
        return None


def boot_id() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def this_process() -> Process:
    pid = os.getpid()
    return Process(pid=pid, start_ticks=start_ticks_of(pid), boot_id=boot_id())


def is_alive(process: Process) -> bool:
    """Whether that very process still runs. One of unknown start is one of an earlier version on
    macOS: then any process of its number counts.
    """
    if process.boot_id != boot_id():
        return False
    now = start_ticks_of(process.pid)
    return now is not None and process.start_ticks in (None, now)


def machine_name() -> str:
    """What tells this machine from another one that was given a copy of its files."""
    try:
        found = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    return found or platform.node()


def new_instance() -> str:
    return secrets.token_hex(12)
