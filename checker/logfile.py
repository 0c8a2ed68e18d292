"""A log file that grows, is cut off, and is replaced: its lines as they come."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

LINE_BYTES = 4096
"""Of a longer line the rest is dropped; sshd cuts its own at 1024."""
READ_BYTES = 1 << 18


class LogFile:
    """A file that grows, from its end on; what replaces it is read from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BufferedReader | None = None
        self.is_first = True
        self.begun = b""

    def take(self) -> list[str]:
        """The whole lines that came since, as far as one read brings them. Raises OSError."""
        if self.file is None:
            self.file = self.path.open("rb")
            self.file.seek(0, os.SEEK_END if self.is_first else os.SEEK_SET)
            self.is_first = False
        if os.fstat(self.file.fileno()).st_size < self.file.tell():
            self.file.seek(0)
            self.begun = b""
        came = self.file.read(READ_BYTES)
        if not came and self.is_replaced():
            self.close()
            self.begun = b""
        *whole, rest = (self.begun + came).split(b"\n")
        self.begun = rest[:LINE_BYTES]
        return [line[:LINE_BYTES].decode("utf-8", "replace") for line in whole]

    def is_replaced(self) -> bool:
        """Whether another file has its name; none has for a moment, while it is rotated."""
        assert self.file is not None
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        opened = os.fstat(self.file.fileno())
        return (found.st_dev, found.st_ino) != (opened.st_dev, opened.st_ino)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None
