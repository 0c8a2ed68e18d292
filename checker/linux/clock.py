"""Read the uptime as the beat loops read it."""

from __future__ import annotations

from pathlib import Path


def uptime_s() -> int:
    """Return seconds since boot, from the file that the beat loops read: a container may have its
    own.
    """
    return int(Path("/proc/uptime").read_text(encoding="ascii").partition(".")[0])


def boot_id() -> str:
    """Return a word that each boot of this machine has for itself."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
