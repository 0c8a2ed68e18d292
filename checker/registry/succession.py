"""Decide when a node's new key, or a forward's new port, has replaced the old one. Pure.

Also the notes that a row shows until then.
"""

from __future__ import annotations

from checker.model import SHARED_KEY, Forward, Node, Port
from checker.output import day

STEADY_S = 15.0
"""A tunnel that carries a probe this many seconds after its first beat has passed its device's own
trial too.
"""
OVERDUE_S = 30 * 86400.0
"""After this many seconds, `doctor` names what still waits."""


def has_followed(
    first_beat: float | None, last_beat: float | None, carried_at: float | None
) -> bool:
    """Return whether a device surely stays with a tunnel that it opened with its new key or on its
    new port. Times are Unix seconds.

    One beat shows that the tunnel works. The device's own trial of a new bundle ends with the next
    beat; until then it may go back.
    """
    if first_beat is None or last_beat is None:
        return False
    return last_beat > first_beat or (
        carried_at is not None and carried_at >= first_beat + STEADY_S
    )


def old_key_note(node: Node) -> str:
    """Say that the old key is still valid, as a clause; empty if no key waits."""
    if node.next_key is None:
        return ""
    return (
        f"{'shared' if node.public_key == SHARED_KEY else 'old'} key still valid since"
        f" {day(node.next_key_at)}"
    )


def moving_note(forward: Forward, place: Port | None) -> str:
    """Say where a forward that moves is now, as a clause; empty if it does not move. `place`: where
    its tunnel listens; None if nowhere.
    """
    if forward.next_port is None:
        return ""
    if place == forward.next_port:
        return f"on port {place}; it keeps {forward.port} until its device is sure to stay"
    return f"still on port {forward.port}; moves to {forward.next_port}"


def leaving_note(forward: Forward) -> str:
    """Say that a forward leaves, as a clause; empty if it stays."""
    if not forward.leaves_at:
        return ""
    return f"port {forward.port} is removed once its device no longer listens there"


def overdue(node: Node, now: float) -> tuple[tuple[str, str], ...]:
    """Return what has waited for the node's device too long: a clause each, and the command that
    ends it.
    """
    found = []
    if node.next_key is not None and node.next_key_at < now - OVERDUE_S:
        found.append((f"{node.name}: {old_key_note(node)}", f"node rekey {node.name} --now"))
    found += [
        (
            f"{node.name}: {leaving_note(f)} since {day(f.leaves_at)}",
            f"node forward remove {node.name} {f.port} --now",
        )
        for f in node.forwards
        if f.leaves_at and f.leaves_at < now - OVERDUE_S
    ]
    found += [
        (
            f"{node.name}: {moving_note(f, None)} since {day(f.next_port_at)}",
            f"node move {node.name} {f.port} {f.next_port} --now",
        )
        for f in node.forwards
        if f.next_port is not None and f.next_port_at < now - OVERDUE_S
    ]
    return tuple(found)
