"""The beats of live connections: each beat loop touches a file of its own, whose time shows that this very connection lives."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from checker.holders import is_alive
from checker.model import ProcessId

PREFIX = "beat."


def beat_file(spool: Path, session: ProcessId) -> Path:
    """The file that the beat loop of this connection touches."""
    return spool / f"{PREFIX}{session.pid}.{session.start_ticks}"


def beaten_at(spool: Path, session: ProcessId) -> float | None:
    """When the connection's last beat came, in Unix seconds; None where none did."""
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
                    found[session] = entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return found  # the directory, or a file of it, went meanwhile: the next look tells
    return found


def session_in(name: str) -> ProcessId | None:
    """Whose beat file it is, by its name; None for another file."""
    pid, _, start_ticks = name.removeprefix(PREFIX).partition(".")
    if name.startswith(PREFIX) and pid.isdecimal() and start_ticks.isdecimal():
        return ProcessId(pid=int(pid), start_ticks=int(start_ticks))
    return None


def remove_dead(spool: Path) -> None:
    """Remove the files of connections that ended without cleaning up."""
    for session in all_beats(spool):
        if not is_alive(session):
            with contextlib.suppress(OSError):  # what the tunnel user put there may be no file
                beat_file(spool, session).unlink()


def uptime_s() -> int:
    """Seconds since boot, from where the beat loops read them: a container may have a clock of its own there."""
    return int(Path("/proc/uptime").read_text(encoding="ascii").partition(".")[0])
