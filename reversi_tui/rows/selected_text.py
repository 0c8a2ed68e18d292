"""The line, or two, about the row under the cursor: in full what its columns cut. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from checker.rows.cells import answer_text, node_text, port_text, safe, since_text
from checker.rows.row import Moment, Row
from reversi_tui.rows.cutting import in_cell
from reversi_tui.rows.layout import Needs

LEAST_REASON = 24
"""Cells of the reason before the peer is left out."""
LITTLE = 8
"""Cells of a reason that tell nothing when there are fewer."""
MOST_TARGET = 40
GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The room for the lines; names and targets are padded, so that moving to a similar row
    writes little.
    """

    width: int
    lines: int
    needs: Needs


def selected_text(row: Row, moment: Moment, last_peer: str, room: Room) -> Text:
    """Full name, port, target, since, reason, last peer: in one line or in two. In one, the
    age goes if it leaves little room for the reason.
    """
    reason, peer = answer_text(row, moment), peer_text(row, last_peer)
    since = "" if moment.is_stale(row) else since_text(row, moment)
    text = head(row, moment, since, room)
    if room.lines > 1:
        text.append("\n").append(fitted(reason, peer, room.width))
        return text
    if room.width - text.cell_len < min(LEAST_REASON, len(reason)) + len(GAP):
        text = head(row, moment, "", room)
    left = room.width - text.cell_len - len(GAP)
    if left >= LITTLE:
        text.append(GAP).append(fitted(reason, peer, left))
    return text


def head(row: Row, moment: Moment, since: str, room: Room) -> Text:
    """Name, port, target and since, as far as they fit."""
    text = Text(node_text(row, moment).ljust(min(room.needs.node, room.width // 4)), style="")
    text.stylize("bold", 0, len(text))
    text.append(GAP).append(port_text(row, moment).ljust(room.needs.port))
    target = full_target(row)
    if target:
        text.append(GAP).append(target.ljust(min(room.needs.target, MOST_TARGET)))
    if since:
        text.append(GAP).append(f"since {since}")
    if text.cell_len > room.width:
        text.truncate(room.width)
    return text


def full_target(row: Row) -> str:
    """The target, uncut; empty for what has none."""
    if row.members or row.forward is None or row.unregistered:
        return ""
    return safe(str(row.forward.target), 256)


def peer_text(row: Row, last_peer: str) -> str:
    """The peer, or the last one of a row that is down; empty if neither is known."""
    if row.seen.peer:
        return f"peer {safe(row.seen.peer, 128)}"
    return f"last peer {safe(last_peer, 128)}" if last_peer else ""


def fitted(reason: str, peer: str, width: int) -> str:
    """Reason and peer. If both do not fit, the reason is cut; if little would be left of it, the
    peer goes.
    """
    if not peer:
        return in_cell(reason, min(width, max(len(reason), 1))) if reason else ""
    room = width - len(peer) - len(GAP) * bool(reason)
    if not reason:
        return peer if room >= 0 else ""
    if room < min(LEAST_REASON, len(reason)):
        return in_cell(reason, min(width, len(reason)))
    return f"{in_cell(reason, min(room, len(reason)))}{GAP}{peer}"
