"""An event of the log as a line of columns, and its presets. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass

from checker.model import Event, EventKind, Status
from checker.output import event_line
from checker.rows.cells import safe
from checker.rows.event_lines import Line
from reversi_tui.rows.cutting import cut_address, cut_middle, in_cell

MACHINES = '!actor:=daemon|"node "|"enrolment "|"shared key"'
PRESETS = {
    "all": "",
    "kills": "kind:kill|reset",
    "refused": "kind:refused|clone|hostkey",
    "people": MACHINES,
}
"""Filters by name."""
MINE = "5"
"""The key of the log's screen that shows what this console did; the presets have those before."""
MEDIUM, WIDE = 100, 160
"""Widths from which a line says more."""
KIND = 11
MOST_GATEWAY = 12
MOST_TEXT = 2000
STATUS_OF = {
    EventKind.KILL: Status.HUNG,
    EventKind.KILL_FAILED: Status.HUNG,
    EventKind.RESET: Status.HUNG,
    EventKind.REFUSED: Status.REFUSED,
    EventKind.CLONE: Status.REFUSED,
    EventKind.HOSTKEY: Status.WRONG,
}
"""The status whose colour a kind has; others have none."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is in a terminal of some width."""

    time: str
    """A format of strftime."""
    at: int
    node: int
    actor: int
    """0: the line does not name the actor."""
    gateway: int
    """0: there is no fleet."""


def columns(width: int, gateway: int) -> Columns:
    """`gateway`: cells that the longest ID of a gateway takes; 0 without a fleet."""
    gateway = gateway and min(max(gateway, len("gateway")), MOST_GATEWAY)
    if width < MEDIUM:
        return Columns("%m-%d %H:%M:%S", 14, 16, 0, gateway)
    if width < WIDE:
        return Columns("%m-%d %H:%M:%S", 14, 26, 12, gateway)
    return Columns("%Y-%m-%d %H:%M:%S", 19, 38, 20, gateway)


def where(event: Event) -> str:
    if event.node is None:
        return "-"
    return f"{safe(event.node)}:{event.port}" if event.port else safe(event.node)


def cells(line: Line, width: int, longest: int = 0) -> tuple[str, str, str]:
    """What stands before the kind, the kind, and what follows, in exactly so many cells. `longest`
    is the longest ID of a gateway in the log.
    """
    event, gateway = line
    like = columns(width, longest)
    at = in_cell(time.strftime(like.time, time.localtime(event.at)), like.at)
    if like.gateway:
        at = f"{at} {in_cell(safe(gateway), like.gateway, cut_middle)}"
    node = in_cell(where(event), like.node, cut_address if event.port else cut_middle)
    actor = f"{in_cell(safe(event.actor), like.actor, cut_middle)} " if like.actor else ""
    rest = f" {node} {actor}{safe(event.text, MOST_TEXT)}"
    before, kind = f"{at} ", in_cell(event.kind.value, KIND)
    room = max(0, width - len(before) - KIND)
    return before, kind, in_cell(rest, room)


def heading(width: int, longest: int = 0) -> str:
    like = columns(width, longest)
    titles = [("time", like.at), ("gateway", like.gateway), ("kind", KIND)]
    titles += [("node", like.node), ("actor", like.actor)]
    return " ".join([*(in_cell(title, room) for title, room in titles if room), "text"])


def whole(line: Line) -> str:
    """All of the event, for the lines below the list."""
    return " ".join(event_line(*line).split())


def preset_of(text: str) -> str:
    """The name of the preset that a filter is; empty if it is not one."""
    return next((name for name, known in PRESETS.items() if known == text), "")
