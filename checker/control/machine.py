"""What this machine has, and what a process uses: for an operator's console.

psutil is imported only when somebody asks.
"""

from __future__ import annotations

from checker.model import Machine, Usage


def read_machine() -> Machine | None:
    """What this machine has now; None if it cannot be read."""
    from checker.linux.machine import read_machine as read

    try:
        return read()
    except OSError:
        return None


def usage_of(pid: int) -> Usage | None:
    """What a process uses now; None if it has ended."""
    from checker.linux.machine import usage_of as read

    return read(pid)
