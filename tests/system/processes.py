"""Processes of a test: find them, and end them one by one."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Collection, Sequence
from typing import Any

import psutil


def end_all(processes: Sequence[psutil.Process]) -> None:
    """Send SIGTERM, then SIGKILL to those that remain, and wait."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=5)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=60)


def end_one(process: subprocess.Popen[Any]) -> None:
    """Send SIGTERM, then SIGKILL if it does not end, and wait."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def still_there(process: psutil.Process) -> bool:
    """Whether this very process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def with_descendants(pid: int) -> set[psutil.Process]:
    """The process and its descendants that run now."""
    try:
        first = psutil.Process(pid)
        return {first, *first.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def below_us(pids: Collection[int], *, word: str) -> set[psutil.Process]:
    """These children of ours with their descendants, and all that we or our children started with
    this text in its command line. The processes of the machine are read once.
    """
    found: dict[int, psutil.Process] = {}
    for process in psutil.Process().children(recursive=True):  # parents before their children
        with contextlib.suppress(psutil.NoSuchProcess):
            if (
                process.pid in pids
                or process.ppid() in found
                or word in " ".join(process.cmdline())
            ):
                found[process.pid] = process
    return set(found.values())
