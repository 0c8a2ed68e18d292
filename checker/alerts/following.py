"""Follow alerts.toml while the process runs: an edit counts at once, and a bad one never."""

from __future__ import annotations

import logging
from pathlib import Path

from checker.alerts.settings import Settings, load_settings
from checker.alerts.ways import Way, open_ways
from checker.model import CheckerError

log = logging.getLogger(__name__)


class Following:
    """The settings: read again when the file changes; a bad edit keeps the last good ones."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError, LibraryMissing."""
        self.path = path
        self.settings = Settings()
        self.ways: tuple[Way, ...] = ()
        self.stamp = stamp(path)
        self.take()

    def take(self) -> None:
        """Raises ConfigError, LibraryMissing."""
        settings, warnings = load_settings(self.path)
        ways = open_ways(self.path, settings)
        self.settings, self.ways = settings, ways
        for warning in warnings:
            log.warning("%s", warning)
        names = ", ".join(way.name for way in ways)
        if names:
            log.info("alerts go to: %s", names)
        else:
            log.warning("%s names no way to send, so nobody is told anything", self.path)

    def poll(self) -> None:
        """Read the file again if it changed."""
        present = stamp(self.path)
        if present == self.stamp:
            return
        self.stamp = present
        if not present:
            log.error("%s is gone; the settings from before are still in force", self.path)
            return
        try:
            self.take()
        except CheckerError as error:
            log.error("%s; the settings from before are still in force", error)  # noqa: TRY400 - a sentence is enough


def stamp(path: Path) -> tuple[int, ...]:
    """What changes when the file does; empty if it is missing or unreadable."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
