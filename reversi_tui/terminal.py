"""The terminal: what a poor link asks of Textual, and leaving when the terminal is gone."""

from __future__ import annotations

import os
import threading
from collections.abc import MutableMapping

LOOK_EVERY_S = 2.0
HUNG_UP = 129
"""128 + SIGHUP, as shells count."""
GRACE_S = 2.0


def is_remote(environ: MutableMapping[str, str]) -> bool:
    return bool(environ.get("SSH_CONNECTION"))


def prepare(environ: MutableMapping[str, str]) -> None:
    """Settings that Textual reads when it is imported; what the user set stands."""
    if is_remote(environ):
        environ.setdefault("TEXTUAL_FPS", "30")
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def is_there(terminal: int) -> bool:
    """Whether the terminal still answers: after a hang-up it is none any more."""
    return os.isatty(terminal)


def leave() -> None:
    """End at once: with the terminal gone there is nobody to tell, and a write to it may block for ever."""
    os._exit(HUNG_UP)


def end_within(seconds: float) -> None:
    """However the orderly end goes, the process is gone after this."""
    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


class Watchdog(threading.Thread):
    """Ends the process when its terminal, or the process that started it, is gone: SIGHUP may be ignored or lost."""

    def __init__(self, terminal: int, *, every_s: float = LOOK_EVERY_S) -> None:
        super().__init__(name="terminal-watchdog", daemon=True)
        self.terminal, self.every_s = terminal, every_s
        self.parent = os.getppid()
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(self.every_s):
            if not is_there(self.terminal) or os.getppid() != self.parent:
                leave()
