"""Read the tunnels of the state file: all, those written since a revision, or those of a node."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from checker.model import NodeName, ProcessId, Status, Tunnel
from checker.state.due import any_due
from checker.state.held import any_held
from checker.state.schema import HOURS_SINCE, version_of

TUNNELS = "SELECT tunnel.*, nullif(:due_s, 0.0), NULL FROM tunnel"
TUNNELS_DUE = (
    "SELECT tunnel.*, nullif(max(:due_s, coalesce(due_s, 0.0)), 0.0), NULL"
    " FROM tunnel LEFT JOIN due USING (node, port)"
)
"""If some forwards are probed more seldom than the others."""
TUNNELS_HELD = (
    "SELECT tunnel.*, nullif(max(:due_s, coalesce(due_s, 0.0)), 0.0), held_until"
    " FROM tunnel LEFT JOIN due USING (node, port)"
    " LEFT JOIN held ON held.node = tunnel.node AND held.port = tunnel.port"
    " AND held.since = tunnel.since"
)
"""If some were held last at another time than their status says."""
TUNNELS_BEFORE = "SELECT tunnel.*, NULL, '', nullif(:due_s, 0.0), NULL FROM tunnel"
"""For a file of an older product."""
SINCE = " WHERE revision > :revision"
OF_NODE = " WHERE tunnel.node = :node"
STATUSES = {status.value: status for status in Status}


def tunnels_since(
    db: sqlite3.Connection, revision: int, least_due_s: float = 0.0
) -> tuple[Tunnel, ...]:
    """Return the tunnels that were written after this revision; 0 gives all. Their `due_s` is at
    least `least_due_s`; 0.0 leaves it as it is.
    """
    statement = select(db)
    if revision:  # to read all of them by the index takes longer
        statement += SINCE
    asked = {"revision": revision, "due_s": least_due_s}
    return tuple(tunnels_from(db.execute(statement, asked)))


def tunnels_of(db: sqlite3.Connection, node: NodeName) -> tuple[Tunnel, ...]:
    """Return the tunnels of a node."""
    return tuple(tunnels_from(db.execute(select(db) + OF_NODE, {"node": node, "due_s": 0.0})))


def select(db: sqlite3.Connection) -> str:
    if version_of(db) < HOURS_SINCE:
        return TUNNELS_BEFORE
    return TUNNELS_HELD if any_held(db) else TUNNELS_DUE if any_due(db) else TUNNELS


def tunnels_from(found: sqlite3.Cursor) -> Iterator[Tunnel]:
    """The inverse of `tunnel_row`, for each row that was found. A reader of thousands spends half
    its time here, so each column is named only once.
    """
    found.row_factory = None
    for (
        node, port, status, detail, latency_ms, pid, start_ticks, peer, since, probed_at,
        checked_at, failures, kills, strikes, verdict, revision, bytes_total, answer, due_s,
        held_until,
    ) in found:  # fmt: skip
        yield Tunnel(
            node=node,
            port=port,
            status=STATUSES.get(status) or Status(status),
            detail=detail,
            latency_ms=latency_ms,
            session=None if pid is None else ProcessId(pid=pid, start_ticks=start_ticks),
            peer=peer,
            since=since,
            probed_at=probed_at,
            checked_at=checked_at,
            failures=failures,
            kills=kills,
            strikes=strikes,
            verdict=verdict,
            bytes_total=bytes_total,
            answer=answer,
            revision=revision,
            due_s=due_s,
            held_until=held_until,
        )
