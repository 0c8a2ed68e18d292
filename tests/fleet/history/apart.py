"""Run the check in a process of its own, and end all that this started, whatever ends it.

`python -m tests.fleet.history.apart WORD...` runs a program as the first process of a namespace
should: it collects the orphans there. In an hour thousands of them end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType

import psutil

FOR_SPLITS = ("ip", "nsenter", "unshare")
APART = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
FIRST = (sys.executable, "-m", "tests.fleet.history.apart")
PR_SET_CHILD_SUBREAPER = 36
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_S = 0.02


class Ended(BaseException):
    """A signal asks us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.status = 128 + number
        """As a shell gives it."""


def why_not_split() -> str:
    """Return why network namespaces cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in FOR_SPLITS if shutil.which(name) is None]
    return f"missing: {', '.join(missing)}" if missing else ""


def run_apart(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run this, and return its exit status. Raises Ended; afterwards signals are ignored.

    Its descendants end with it, as we adopt its orphans. If we are root, it gets namespaces. It
    does not get the terminal's Ctrl-C: we alone do, and kill it.
    """
    before = () if why_not_split() else (*APART, *FIRST)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        process = subprocess.Popen([*before, *words], env=environment, process_group=0)
        return status_of(process)
    finally:
        ignore_signals()
        end_all_below()


def raise_for_signals() -> None:
    """From now on, raise Ended for the first signal. One that we were started to ignore is
    ignored.
    """

    def end(number: int, _: FrameType | None) -> None:
        ignore_signals()
        raise Ended(number)

    for one in ENDING:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, end)


def ignore_signals() -> None:
    """Let nothing interrupt what cleans up."""
    for one in ENDING:
        signal.signal(one, signal.SIG_IGN)


def status_of(process: subprocess.Popen[bytes]) -> int:
    """Wait until it ends, and collect the orphans that end meanwhile; return its exit status as a
    shell gives it.
    """
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode if process.returncode >= 0 else 128 - process.returncode


def end_all_below() -> None:
    """Kill our descendants until none are left: one that is killed leaves its children to us."""
    while left := psutil.Process().children(recursive=True):
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(status_of(subprocess.Popen(sys.argv[1:])))
