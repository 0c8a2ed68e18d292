"""What a row's sheet is made from besides the row, and the paper that it is written on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from checker.model import Event, Usage, Watched
from checker.model.last_seen import LastSeen
from reversi_tui.rows.palette import Palette

SHORT = 30
"""Lines below which the last events come before the charts."""
TWO_COLUMNS = 100
"""Cells from which there is room for two columns of groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """What is read about a row only while its sheet is open."""

    events: tuple[Event, ...] = ()
    """Its node's events, the newest last."""
    days: tuple[Watched, ...] = ()
    usage: Usage | None = None
    """What the row's sshd process uses."""
    last: LastSeen | None = None
    """What was last seen of it, if it is down."""
    registry: str = ""
    """The text of its node's registry file; empty: it has none that can be read."""
    file: str = ""
    """The path of that file."""
    ssh: str = ""
    """The command that logs in to the node, or why there is none."""
    trouble: str = ""
    """Why the rest could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The size and the styles of the sheet."""

    width: int
    height: int
    palette: Palette

    @property
    def columns(self) -> int:
        """How many columns of groups there are."""
        return 2 if self.width >= TWO_COLUMNS else 1

    @property
    def is_short(self) -> bool:
        """Whether not all groups and charts are in sight; one below the other they never are."""
        return self.height < SHORT or self.columns == 1
