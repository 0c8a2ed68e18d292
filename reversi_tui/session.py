"""Which gateway a console shows, as whom, and through which doors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from checker.config.layout import Layout
from checker.model import Aim, EventKind, NodeName, Outcome, Port, Verb
from reversi_tui.actions.node_changes import Changes
from reversi_tui.rows.row import Daemon
from reversi_tui.settings.preferences import Preferences


class Acts(Protocol):
    """What carries an action out; it blocks."""

    @property
    def read_only(self) -> bool: ...

    def act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]: ...

    def record(self, kind: EventKind, text: str, *, node: NodeName, port: Port | None) -> str: ...


def free_bytes(folder: Path) -> int | None:
    """What is free on its disk, to two digits: a figure that seldom changes is seldom painted. None
    where it can not be told.
    """
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return int(float(f"{found.f_bavail * found.f_frsize:.2g}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the command line decides, and a test may decide otherwise."""

    layout: Layout
    acts: Acts
    changes: Changes
    """What goes through the registry."""
    ping: Callable[[], Daemon]
    """Whether the daemon answers; it blocks."""
    every_s: float
    """Between sweeps, until the state file tells."""
    now: Callable[[], float] = time.time
    """The wall clock."""
    free_bytes: Callable[[Path], int | None] = free_bytes
    """What is free on the disk of a folder."""
    preferences: Preferences = field(default_factory=Preferences)
    remember: Callable[[Preferences], str] = lambda _: ""
    """Keeps the view for the next time, and blocks; why it could not, empty where it did."""
