"""When a node's new key, or a forward's new port, has taken the place of the old one, and what a
row says until then. Pure.
"""

from __future__ import annotations

from checker.model import SHARED_KEY, Forward, Node, Port
from checker.output import day

STEADY_S = 15.0
"""A tunnel that carried a probe so long after its first beat has passed its device's own trial
too.
"""
OVERDUE_S = 30 * 86400.0
"""After so long `doctor` names what still waits."""


def has_followed(
    first_beat: float | None, last_beat: float | None, carried_at: float | None
) -> bool:
    """Whether a device surely stays with a tunnel that it opened with its new key, or on its new
    port; times are Unix seconds.

    One beat shows that the tunnel works. The device's own trial of a new bundle ends with the next
    one, and until then it may go back.
    """
    if first_beat is None or last_beat is None:
        return False
    return last_beat > first_beat or (
        carried_at is not None and carried_at >= first_beat + STEADY_S
    )


def old_key_note(node: Node) -> str:
    """That the key which is to go is still good, as a clause; empty if none waits."""
    if node.next_key is None:
        return ""
    return (
        f"{'shared' if node.public_key == SHARED_KEY else 'old'} key still valid since"
        f" {day(node.next_key_at)}"
    )


def moving_note(forward: Forward, place: Port | None) -> str:
    """Where a forward that moves is now, as a clause; empty for another. `place`: where its tunnel
    listens, None for nowhere.
    """
    if forward.next_port is None:
        return ""
    if place == forward.next_port:
        return f"on port {place}; {forward.port} stays its own until its device is sure to stay"
    return f"still on port {forward.port}; moves to {forward.next_port}"


def overdue(node: Node, now: float) -> tuple[tuple[str, str], ...]:
    """What has waited for the node's device too long: a clause each, and the words of the command
    that ends it.
    """
    found = []
    if node.next_key is not None and node.next_key_at < now - OVERDUE_S:
        found.append((f"{node.name}: {old_key_note(node)}", f"node rekey {node.name} --now"))
    found += [
        (
            f"{node.name}: {moving_note(f, None)} since {day(f.next_port_at)}",
            f"node move {node.name} {f.port} {f.next_port} --now",
        )
        for f in node.forwards
        if f.next_port is not None and f.next_port_at < now - OVERDUE_S
    ]
    return tuple(found)
