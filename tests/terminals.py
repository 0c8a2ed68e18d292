"""A command at a terminal where somebody types an answer."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence


def answered(command: Sequence[str], answer: str) -> tuple[int, str, str]:
    """Run it with this line typed ahead: exit status, standard output, and what the terminal
    showed.
    """
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:
        pass  # how a terminal ends on Linux
    os.close(ours)
    return done.returncode, done.stdout.decode(), shown.decode().replace("\r\n", "\n")
