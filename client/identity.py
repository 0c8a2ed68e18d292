"""Identify this process and this machine, and tell whether another process is still alive."""

from __future__ import annotations

import os
import platform
import re
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process; its start time distinguishes it from a later one with the same PID."""

    pid: int
    start_ticks: int | None
    """Clock ticks since boot; without /proc (macOS), hundredths of a second since 1970."""
    boot_id: str
    """Empty: the system has no boot ID."""


def start_ticks_in(stat: str) -> int | None:
    """Return when a process started; None: it is a zombie.

    Source: proc(5), /proc/pid/stat fields 3 and 22. The name before them may contain anything,
    even brackets.
    """
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def start_ticks_of(pid: int) -> int | None:
    """Return when a process started; None: it does not exist or is a zombie."""
    if not PROC.is_dir():
        return created_at(pid)
    try:
        return start_ticks_in(
            (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        )
    except (OSError, IndexError, ValueError):
        return None


def created_at(pid: int) -> int | None:
    """Return when a process started, as macOS knows it; None as `start_ticks_of`."""
    import psutil  # only here: Linux does not need it, and it slows the start

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
    """Return whether that process still runs.

    Version 0.1.0 wrote no start time on macOS: then any process with the PID counts.
    """
    if process.boot_id != boot_id():
        return False
    now = start_ticks_of(process.pid)
    return now is not None and process.start_ticks in (None, now)


def machine_name() -> str:
    """Return a name of this machine, to notice a copy of our files on another one."""
    try:
        found = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    return found or platform.node()


def new_instance() -> str:
    return secrets.token_hex(12)


def device_word() -> str:
    """Return the word by which the gateways know both tunnels of a node as one device's, until the
    next boot. The node's bundle names the same one.
    """
    boot = boot_id() or session_of_macos()
    if not boot:
        return new_instance()
    # containers of one machine have its boot ID, but each has a PID namespace of its own
    try:
        namespace = str((PROC / "self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return "-".join(filter(None, (boot, re.sub("[^0-9]", "", namespace))))


def session_of_macos() -> str:
    """Return what stands for a boot ID on macOS; empty elsewhere."""
    words = ("sysctl", "-n", "kern.bootsessionuuid")
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
