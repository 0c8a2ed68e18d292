"""A command at a terminal where somebody types an answer."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from collections.abc import Sequence


def without_echo() -> tuple[int, int]:
    """Both ends of a terminal that shows only what programs write: a busy kernel echoes what was
    typed ahead late, amid what is asked.
    """
    ours, theirs = pty.openpty()
    settings = termios.tcgetattr(theirs)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    return ours, theirs


def answered(command: Sequence[str], answer: str) -> tuple[int, str, str]:
    """Run it with this line typed ahead: exit status, standard output, and what the terminal
    showed.
    """
    ours, theirs = without_echo()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=200
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
