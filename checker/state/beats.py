"""Beat files in the spool: each beat loop touches its own, so its time proves that it lives."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterable
from pathlib import Path

from checker.linux.processes import is_alive
from checker.model import ProcessId

PREFIX = "beat."
KEY_PREFIX = "key."


def beat_file(spool: Path, session: ProcessId) -> Path:
    """The file that the beat loop of this connection touches."""
    return spool / f"{PREFIX}{session.pid}.{session.start_ticks}"


def beaten_at(spool: Path, session: ProcessId) -> float | None:
    """When the connection's last beat came, in Unix seconds; None if it never beat."""
    try:
        return beat_file(spool, session).lstat().st_mtime
    except OSError:
        return None


def all_beats(spool: Path) -> dict[ProcessId, float]:
    """When each connection last beat, in Unix seconds."""
    found: dict[ProcessId, float] = {}
    try:
        with os.scandir(spool) as entries:
            for entry in entries:
                session = session_in(entry.name)
                if session is not None:
                    with contextlib.suppress(FileNotFoundError):  # the connection just ended
                        found[session] = entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return found  # the directory was removed meanwhile: read again later
    return found


def beats_of(spool: Path, sessions: Iterable[ProcessId]) -> dict[ProcessId, float]:
    """When these connections last beat, in Unix seconds, without those that have no beat file."""
    found = ((session, beaten_at(spool, session)) for session in sessions)
    return {session: at for session, at in found if at is not None}


@functools.lru_cache(maxsize=1 << 15)
def session_in(name: str) -> ProcessId | None:
    """Parse the name of a beat file; None for another file. Most are those of the last reading."""
    pid, _, start_ticks = name.removeprefix(PREFIX).partition(".")
    if name.startswith(PREFIX) and pid.isdecimal() and start_ticks.isdecimal():
        return ProcessId(pid=int(pid), start_ticks=int(start_ticks))
    return None


def key_file(spool: Path, session: ProcessId) -> Path:
    """The file that holds the key with which this connection logged in, while its node has two."""
    return spool / f"{KEY_PREFIX}{session.pid}.{session.start_ticks}"


def note_key(spool: Path, session: ProcessId, fingerprint: str) -> None:
    """Write the key beside the beats, so that it outlives the daemon.

    If that fails, the node keeps both of its keys.
    """
    path = key_file(spool, session)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        handle = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        try:
            os.write(handle, fingerprint.encode())
        finally:
            os.close(handle)


def noted_key(spool: Path, session: ProcessId) -> str:
    """The fingerprint of the key with which this connection logged in; empty if unknown."""
    try:
        handle = os.open(
            key_file(spool, session), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        )
    except OSError:
        return ""
    try:
        return os.read(handle, 128).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(handle)


def dead_keys(spool: Path) -> list[Path]:
    """The key files of connections that have ended."""
    try:
        names = os.listdir(spool)  # noqa: PTH208 - only names are needed
    except OSError:
        return []
    sessions = {
        name: session_in(PREFIX + name.removeprefix(KEY_PREFIX))
        for name in names
        if name.startswith(KEY_PREFIX)
    }
    return [
        spool / name
        for name, session in sessions.items()
        if session is None or not is_alive(session)
    ]


def remove_dead(spool: Path) -> None:
    """Remove the files of connections that ended without cleaning up."""
    for session in all_beats(spool):
        if not is_alive(session):
            with contextlib.suppress(OSError):  # the tunnel user may have made it a directory
                beat_file(spool, session).unlink()
    for path in dead_keys(spool):
        with contextlib.suppress(OSError):
            path.unlink()
