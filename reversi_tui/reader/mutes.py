"""Reads the mutes when their file changes, and drops those that end."""

from __future__ import annotations

from pathlib import Path

from checker.rows.mutes import RowMutes
from checker.state.mutes import read_mutes

Stamp = tuple[int, int, int] | None


class MuteReader:
    """The mutes in force. Only the reading thread uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mutes = RowMutes((), 0.0)
        self.trouble = ""
        """Why nothing is muted though there is a file."""
        self.seen: Stamp = None
        self.ends_at = float("inf")
        """When the first of them ends, Unix seconds."""

    def poll(self, now: float) -> bool:
        """Whether other mutes are in force than before."""
        stamp = self.stamp()
        if stamp == self.seen and now < self.ends_at:
            return False
        found = read_mutes(self.path) if stamp else None
        self.seen, self.trouble = stamp, found.trouble if found else ""
        self.mutes = RowMutes(found.mutes if found else (), now)
        ends = (mute.until for mute in self.mutes.mutes.in_force)
        self.ends_at = min(ends, default=float("inf"))
        return True

    def stamp(self) -> Stamp:
        """Changes when another file takes its place; None: there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
