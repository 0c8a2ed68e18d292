"""Asks whether the daemon runs."""

from __future__ import annotations

from checker.control.client import Control
from checker.model import CheckerError
from reversi_tui.rows.report import Daemon


def ping(control: Control) -> Daemon:
    """Whether the daemon answers; one that refuses us is running."""
    try:
        return Daemon.ABSENT if control.daemon_pid() is None else Daemon.RUNNING
    except CheckerError:
        return Daemon.RUNNING
