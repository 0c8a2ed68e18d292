"""Which gateway a console shows, and through which doors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from checker.config import Layout
from checker.control import Aim, Outcome, Verb
from reversi_tui.rows import Daemon


class Acts(Protocol):
    """What carries an action out; it blocks."""

    @property
    def read_only(self) -> bool: ...

    def act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the command line decides, and a test may decide otherwise."""

    layout: Layout
    acts: Acts
    ping: Callable[[], Daemon]
    """Whether the daemon answers; it blocks."""
    every_s: float
    """Between sweeps, until the state file tells."""
    now: Callable[[], float] = time.time
    """The wall clock."""
