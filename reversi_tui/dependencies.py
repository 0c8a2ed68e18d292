"""The gateway that a console shows, and the functions through which it acts on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from checker.config.layout import Layout
from checker.control.machine import read_machine, usage_of
from checker.control.muting import change_mutes_through
from checker.model import (
    Aim,
    EventKind,
    Machine,
    MuteChange,
    NodeName,
    Outcome,
    Port,
    Usage,
    Verb,
    printable,
)
from reversi_tui.actions.elsewhere import act_elsewhere
from reversi_tui.actions.node_changes import Changes
from reversi_tui.rows.report import Daemon
from reversi_tui.settings.preferences import Preferences
from reversi_tui.settings.view_file import NotSaved
from reversi_tui.settings.views import NamedView


class Acts(Protocol):
    """Carries actions out; its methods block."""

    @property
    def read_only(self) -> bool: ...

    def act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]: ...

    def record(self, kind: EventKind, text: str, *, node: NodeName, port: Port | None) -> str: ...


def free_bytes(folder: Path) -> int | None:
    """The free space on its disk, to two digits: what seldom changes is seldom repainted. None if
    unknown.
    """
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return int(float(f"{found.f_bavail * found.f_frsize:.2g}"))


def host_name() -> str:
    """Return the machine's name, without its domain."""
    return printable(os.uname().nodename.partition(".")[0], 40)


def nowhere(_: NamedView) -> Path:
    raise NotSaved(None, "this console has no settings file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Set by the command line, and by tests, which replace effects and the clock."""

    layout: Layout
    acts: Acts
    changes: Changes
    """Changes to the registry."""
    ping: Callable[[], Daemon]
    """Whether the daemon answers; it blocks."""
    every_s: float
    """Between sweeps, until the state file says."""
    only_here: bool = False
    """In a fleet: without what the other gateways saw."""
    now: Callable[[], float] = time.time
    """The wall clock."""
    free_bytes: Callable[[Path], int | None] = free_bytes
    """The free space on the disk of a folder."""
    machine: Callable[[], Machine | None] = read_machine
    host: str = field(default_factory=host_name)
    """The gateway's name, for its operator."""
    usage: Callable[[int], Usage | None] = usage_of
    """What a process uses; it blocks."""
    change_mutes: Callable[[Layout, MuteChange], str] = change_mutes_through
    """Changes the mutes, and blocks; returns what else the operator should know. It raises
    CheckerError.
    """
    act_elsewhere: Callable[[Layout, str, Verb, Sequence[Aim]], tuple[Outcome, ...]] = act_elsewhere
    """Acts at another gateway, whose ID it takes; it blocks."""
    preferences: Preferences = field(default_factory=Preferences)
    in_files: Preferences = field(default_factory=Preferences)
    """What only the settings files say."""
    remember: Callable[[Preferences], str] = lambda _: ""
    """Saves the view for the next start, and blocks; returns why it could not, else an empty text.
    """
    save_view: Callable[[NamedView], Path] = nowhere
    """Writes a view into the operator's file, and blocks; returns the file. Raises NotSaved."""
