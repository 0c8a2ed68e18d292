"""What was last seen of a forward that is down, as far as the events reach back."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from checker.model import Event, EventKind, NodeName, Port
from checker.model.last_seen import LastSeen
from checker.state.rows import event_from, stored_kind
from checker.state.store import StateFile

LAST_EVENT = "SELECT * FROM event WHERE node = :node AND kind = :kind ORDER BY id DESC LIMIT 1"
LAST_UP = (
    "SELECT at FROM event WHERE node = :node AND port = :port AND kind = 'status' AND text LIKE"
    " 'up -> %' ORDER BY id DESC LIMIT 1"
)
WAS_UP = "SELECT 1 FROM uptime WHERE node = :node AND port = :port AND up_s > 0 LIMIT 1"
CONNECTED = re.compile(r"(?:(?P<client>\S+), )?instance \S+ connected from (?P<peer>.+)$")


def last_seen(state: StateFile, node: NodeName, port: Port) -> LastSeen:
    """Raises StateError."""
    with state.using() as db:
        place = {"node": node, "port": port}
        up = db.execute(LAST_UP, place).fetchone()
        held, refused = newest(db, node, EventKind.HOLD), newest(db, node, EventKind.REFUSED)
        is_known = up is not None or held is not None
        said = CONNECTED.match(held.text) if held else None
        return LastSeen(
            was_up=is_known or was_up(db, node, port),
            up_until=up["at"] if up else None,
            connected_at=held.at if held else None,
            peer=said["peer"] if said else "",
            client=(said["client"] or "") if said else "",
            refused=None if refused and held and refused.at < held.at else refused,
        )


def newest(db: sqlite3.Connection, node: NodeName, kind: EventKind) -> Event | None:
    row: Any = db.execute(LAST_EVENT, {"node": node, "kind": stored_kind(kind)}).fetchone()
    return row and event_from(row)


def was_up(db: sqlite3.Connection, node: NodeName, port: Port) -> bool:
    """Whether the forward was up on any day that is still known."""
    return db.execute(WAS_UP, {"node": node, "port": port}).fetchone() is not None
