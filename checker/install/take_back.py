"""Carry out what `uninstall` planned."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from checker.install.effects import InstallFailed, Say, remove, run_step
from checker.install.manifest import Manifest
from checker.install.sshd_loading import withdraw
from checker.install.steps import Command, Remove, Withdraw
from checker.install.survey import user_account
from checker.install.undo import EndSessions, Leave, Undo
from checker.linux.processes import is_alive, processes_of
from checker.model import ProcessId
from checker.sshd.kill import TERM_WITHIN_S
from checker.sshd.sessions import sessions

ENDED_WITHIN_S = 15.0


def take_back(steps: Sequence[Undo], say: Say) -> None:
    """Raises InstallFailed, ConfigError."""
    for step in steps:
        match step:
            case Command():
                run_step(step, say)
            case Remove(path=path):
                remove(path)
                say(f"removed {path}")
            case Withdraw():
                withdraw(step, say)
            case EndSessions(user=user):
                say(f"ended {end_sessions(user)} sessions of {user}")
            case Leave(path=path):
                Manifest(folders=[str(path)]).save()


def end_sessions(user: str) -> int:
    """End all processes of the user; return how many of them were sessions. Raises
    InstallFailed.
    """
    account = user_account(user)
    if account is None or account.uid == 0:
        return 0
    ended = len(sessions(account.uid))
    started_at = time.monotonic()
    while left := processes_of(account.uid):
        waited_s = time.monotonic() - started_at
        if waited_s > ENDED_WITHIN_S:
            raise InstallFailed(
                f"process {left[0].pid} of {user} does not end; kill it, and run this again"
            )
        for process in left:
            send(process, signal.SIGTERM if waited_s < TERM_WITHIN_S else signal.SIGKILL)
        time.sleep(0.1)
    return ended


def send(process: ProcessId, number: signal.Signals) -> None:
    """Signal exactly this process, by pidfd: its PID may be another process's by now."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if is_alive(process):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
