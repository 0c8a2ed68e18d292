"""Watch a directory with inotify(7), for which Python has no module."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from pathlib import Path

MODIFY, ATTRIB, MOVED, CREATE, DELETE = 0x2, 0x4, 0xC0, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
ONLY_DIRECTORY = 0x01000000
WANTED = MODIFY | ATTRIB | MOVED | CREATE | DELETE | DELETE_SELF | MOVE_SELF | ONLY_DIRECTORY
LOST = DELETE_SELF | MOVE_SELF | UNMOUNT | OVERFLOW | IGNORED
EVENT = struct.Struct("iIII")
"""Watch, mask, cookie, and the length of the name that follows."""
AT_ONCE = 65536


class DirectoryWatch:
    """Shows what changed in a directory, until it is closed or the directory is gone."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError: also if the system has no inotify, or allows no further watch."""
        self.handle = -1
        self.handle = initialize()
        try:
            add_watch(self.handle, folder)
        except OSError:
            self.close()
            raise

    def changed_names(self) -> set[str] | None:
        """Return the names that changed since the last call; empty for the directory itself. None
        if it is not known any more: the directory is gone, or too much happened.
        """
        found: set[str] = set()
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.handle, AT_ONCE):
                at = 0
                while at < len(part):
                    _, mask, _, length = EVENT.unpack_from(part, at)
                    at += EVENT.size
                    if mask & LOST:
                        return None
                    found.add(os.fsdecode(part[at : at + length].rstrip(b"\0")))
                    at += length
        return found

    def close(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
        self.handle = -1

    def __del__(self) -> None:
        self.close()


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def initialize() -> int:
    """Return a descriptor of inotify. Raises OSError."""
    try:
        handle = int(libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    except AttributeError as error:
        raise OSError(errno.ENOSYS, "this system has no inotify") from error
    if handle < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return handle


def add_watch(handle: int, folder: Path) -> None:
    """Raises OSError."""
    if libc().inotify_add_watch(handle, os.fsencode(folder), ctypes.c_uint32(WANTED)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(folder))
