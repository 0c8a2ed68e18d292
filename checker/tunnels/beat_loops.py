"""The beat loop of a connection: find it, and have it tell the client to move."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from checker.linux.processes import catches, children_of, is_alive, read_process
from checker.model import ProcessId
from checker.state.beats import beat_file

MOVE = signal.SIGUSR1
"""A beat loop that knows this signal ends with exit status 75."""
DEEPEST = 3
"""A shell may stand between the session and the loop."""


def beat_loop(session: ProcessId, spool: Path, uid: int) -> ProcessId | None:
    """Return the beat loop of this session; None if there is none, or if it is of an earlier
    release, which the signal would end without an exit status.
    """
    word = str(beat_file(spool, session))
    below: tuple[int, ...] = (session.pid,)
    for _ in range(DEEPEST):
        below = tuple(child for parent in below for child in children_of(parent))
        for pid in below:
            process = read_process(pid)
            if process and process.uid == uid and word in process.title and catches(pid, MOVE):
                return process.id
    return None


def tell_to_move(loop: ProcessId) -> bool:
    """Have this beat loop end with exit status 75; return whether it was told."""
    try:
        handle = os.pidfd_open(loop.pid)
    except OSError:
        return False
    try:
        if not is_alive(loop):
            return False
        signal.pidfd_send_signal(handle, MOVE)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
