"""The uptime, as the beat loops read it."""

from __future__ import annotations

from pathlib import Path


def uptime_s() -> int:
    """Seconds since boot, from where the beat loops read them: a container may have a clock of its
    own there.
    """
    return int(Path("/proc/uptime").read_text(encoding="ascii").partition(".")[0])
