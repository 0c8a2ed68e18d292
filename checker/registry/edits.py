"""Edits of a node as values: the node afterwards, what differs, which forwards end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from checker.model import Forward, InvalidValue, Node, NodeName, Port, Target, fingerprint
from checker.registry.beating_every import pacing_clauses
from checker.registry.labels import label_clauses


def renamed(node: Node, name: NodeName) -> Node:
    """Return the node under another name. A device with the shared key still says the earlier one,
    and stays its own.
    """
    said = node.calls_itself or (node.name if node.is_shared else "")
    if name == node.name:
        return node
    return replace(
        node,
        name=name,
        calls_itself="" if said == name else said,
        forwards=tuple(replace(forward, node=name) for forward in node.forwards),
    )


def rekeyed(node: Node, key: str, *, now: bool) -> Node:
    """Return the node with another key: at once, or beside the present one until it is used. Raises
    InvalidValue.
    """
    if key == node.public_key:
        raise InvalidValue(f"node {node.name} has that key already; give it another")
    return replace(node, public_key=key, next_key=None) if now else replace(node, next_key=key)


def without_old_key(node: Node) -> Node:
    """Return the node after its new key was used: it has no other key now."""
    return (
        node
        if node.next_key is None
        else replace(node, public_key=node.next_key, next_key=None, next_key_at=0)
    )


def moved(forward: Forward, port: Port, *, now: bool) -> Forward:
    """Return the forward on another gateway port: at once, or beside the present one until its
    device listens there. Its present port cancels a move.
    """
    if now or port == forward.port:
        return replace(forward, port=port, next_port=None, next_port_at=0)
    return replace(forward, next_port=port)


def with_forwards(node: Node, added: Iterable[Forward]) -> Node:
    """Return the node with more forwards. One on the port of a forward that leaves takes
    its place, and stays.
    """
    for forward in added:
        old = next(
            (one for one in node.forwards if one.leaves_at and one.port == forward.port), None
        )
        node = (
            replace(node, forwards=(*node.forwards, forward))
            if old is None
            else with_forward(node, old, in_place_of(old, forward))
        )
    return node


def in_place_of(old: Forward, new: Forward) -> Forward:
    """Return a forward on the port of one that leaves. The pinned host key is the old target's."""
    return replace(
        new,
        published=old.published,
        port_at=old.port_at,
        host_key=old.host_key if new.target == old.target else "",
    )


def with_target(forward: Forward, target: Target) -> Forward:
    """Return the forward with this target. The pinned host key of another one goes."""
    return forward if target == forward.target else replace(forward, target=target, host_key="")


def leaving(node: Node, forward: Forward, now: int) -> Node:
    """Return the node with a forward that is removed once its device no longer listens there."""
    refuse_last(node, forward)
    return (
        node if forward.leaves_at else with_forward(node, forward, replace(forward, leaves_at=now))
    )


def without_forward(node: Node, forward: Forward) -> Node:
    """Return the node without a forward. Raises InvalidValue if it would have none that lasts."""
    refuse_last(node, forward)
    return replace(node, forwards=tuple(one for one in node.forwards if one != forward))


def refuse_last(node: Node, forward: Forward) -> None:
    """Raise InvalidValue if no other forward of the node lasts."""
    if all(one == forward for one in node.lasting):
        raise InvalidValue(
            f"port {forward.port} is the only one of node {node.name}; to forget the node, run:"
            f" reversi-checker node remove {node.name}"
        )


def without_old_port(node: Node, port: Port) -> Node:
    """Return the node after its device listened on `port`, to which a forward moves: the forward
    keeps only that port. A forward on `port` that leaves goes.

    A node with one forward gets a new `key_since`: whoever logged in before the move began must not
    listen there later. A node with several keeps the old one, because its other connections may be
    older.
    """
    forward = next((forward for forward in node.forwards if forward.next_port == port), None)
    if forward is None:
        gone = next((one for one in node.forwards if one.leaves_at and one.port == port), None)
        return node if gone is None else without_forward(node, gone)
    since = max(node.key_since, forward.next_port_at) if len(node.forwards) == 1 else node.key_since
    return replace(with_forward(node, forward, moved(forward, port, now=True)), key_since=since)


def with_dates(before: Node | None, after: Node, now: int) -> Node:
    """Return the node after a change at `now` (Unix seconds), with the time since when each thing
    waits.
    """
    known = (
        {}
        if before is None
        else {
            (forward.port, forward.next_port): forward.next_port_at for forward in before.forwards
        }
    )
    had_key = before is not None and before.next_key == after.next_key
    key_at = (
        0
        if after.next_key is None
        else before.next_key_at
        if before is not None and had_key
        else now
    )
    forwards = tuple(
        replace(f, next_port_at=0 if f.next_port is None else known.get((f.port, f.next_port), now))
        for f in after.forwards
    )
    return replace(after, next_key_at=key_at, forwards=forwards)


def with_rights_since(before: Node | None, after: Node, now: int) -> Node:
    """Return the node after a change at `now` (Unix seconds); `key_since` becomes `now` if the
    change of rights takes effect at once.

    A new key or port that waits is no such change: the present connection goes on until the device
    has followed.
    """
    after = with_dates(before, after, now)
    if before is None:
        return after
    another_key = after.public_key not in (before.public_key, before.next_key)
    new_ports = {forward.port for forward in after.forwards} - set(before.ports)
    if new_ports and set(before.ports) <= set(after.ports):
        # the tunnel as it is keeps its rights; only the new ports have later ones
        after = replace(
            after,
            forwards=tuple(
                replace(f, port_at=now) if f.port in new_ports else f for f in after.forwards
            ),
        )
        new_ports = set()
    again = after.enabled and not before.enabled
    open_before = {forward.port for forward in before.forwards if forward.public}
    closed = open_before.intersection(
        forward.port for forward in after.forwards if not forward.public
    )
    return replace(after, key_since=now) if another_key or new_ports or again or closed else after


def forward_at(node: Node, port: Port | None) -> Forward:
    """The forward on that port, or the only one. Raises InvalidValue."""
    found = [forward for forward in node.forwards if port is None or port in forward.ports]
    if len(found) == 1:
        return found[0]
    ports = ", ".join(str(forward.port) for forward in node.forwards) or "none"
    if port is None:
        raise InvalidValue(
            f"which forward of node {node.name}? Name its gateway port; it has: {ports}"
        )
    raise InvalidValue(f"node {node.name} has no port {port}; it has: {ports}")


def with_forward(node: Node, old: Forward, new: Forward) -> Node:
    """Return the node with one forward replaced by another."""
    return replace(
        node, forwards=tuple(new if forward == old else forward for forward in node.forwards)
    )


def describe(before: Node, after: Node) -> tuple[tuple[Port | None, str], ...]:
    """Return a clause for each difference, with the port that it is about; empty if nothing
    differs.
    """
    clauses = [*((None, text) for text in node_clauses(before, after))]
    return (*clauses, *forward_clauses(before, after))


def node_clauses(before: Node, after: Node) -> Iterator[str]:
    if before.name != after.name:
        yield f"renamed from {before.name} to {after.name}"
    if before.enabled != after.enabled:
        yield "enabled" if after.enabled else "disabled"
    if before.expires != after.expires:
        yield f"its key expires on {after.expires}" if after.expires else "its key never expires"
    if before.public_key != after.public_key:
        yield (
            "the new key is the only one now"
            if after.public_key == before.next_key
            else "its key was replaced"
        )
    if after.next_key not in (None, before.next_key):
        yield "a new key waits; the present one stays until a tunnel with the new one beats"
    if before.next_key not in (None, *after.public_keys):
        yield "the key that waited is withdrawn"
    yield from label_clauses(before, after)
    yield from pacing_clauses(before, after)


def forward_clauses(before: Node, after: Node) -> Iterator[tuple[Port, str]]:
    """Compare the forwards in their order; if some were added or removed, by their port."""
    pairs, gone, added = paired(before.forwards, after.forwards)
    for old, new in pairs:
        yield from ((new.port, clause) for clause in changed_clauses(old, new))
    yield from ((old.port, "forward removed") for old in gone)
    yield from ((new.port, f"forward to {new.target} added") for new in added)


def changed_clauses(old: Forward, new: Forward) -> Iterator[str]:
    """Yield a clause for each difference between a forward and what became of it."""
    if old.port != new.port:
        yield f"moved from port {old.port} to {new.port}"
    elif old.next_port != new.next_port:
        yield moving_clause(old, new)
    if old.target != new.target:
        yield f"target {old.target} -> {new.target}"
    if old.expect != new.expect:
        yield f"expect {old.expect} -> {new.expect}"
    if old.deadline_s != new.deadline_s:
        yield f"deadline {deadline(old)} -> {deadline(new)}"
    if old.public != new.public:
        yield "public: on all addresses" if new.public else "no longer public: only on loopback"
    if old.published != new.published:
        yield f"published as {', '.join(map(str, new.published)) or 'nothing'}"
    if old.host_key != new.host_key:
        yield host_key_clause(old, new)
    if bool(old.leaves_at) != bool(new.leaves_at):
        yield (
            "the forward is removed once its device no longer listens there"
            if new.leaves_at
            else "the forward stays"
        )


def paired(
    before: Sequence[Forward], after: Sequence[Forward]
) -> tuple[list[tuple[Forward, Forward]], list[Forward], list[Forward]]:
    """Return each forward with what became of it, those that are gone, and those that are new."""
    if len(before) == len(after):
        return list(zip(before, after, strict=True)), [], []
    new = {forward.port: forward for forward in after}
    pairs = [(old, new.pop(old.port)) for old in before if old.port in new]
    kept = {old.port for old, _ in pairs}
    return pairs, [old for old in before if old.port not in kept], list(new.values())


def moving_clause(old: Forward, new: Forward) -> str:
    """Say what was decided about a move, as a clause."""
    if new.next_port is None:
        return f"stays on port {new.port}; the move to {old.next_port} is cancelled"
    return (
        f"moves to port {new.next_port}; it keeps {new.port} until its device listens on"
        f" {new.next_port}"
    )


def host_key_clause(old: Forward, new: Forward) -> str:
    """Say what became of the pinned host key, as a clause."""
    if not new.host_key:
        return f"host key no longer pinned: {fingerprint(old.host_key)}"
    was = f"{fingerprint(old.host_key)} -> " if old.host_key else ""
    return f"host key pinned: {was}{fingerprint(new.host_key)}"


def deadline(forward: Forward) -> str:
    return "default" if forward.deadline_s is None else f"{forward.deadline_s:g} s"


def revoked(before: Node, after: Node | None, today: str) -> tuple[Forward, ...]:
    """Return the forwards that a live tunnel of the node may no longer carry, on this day."""
    if (
        after is None
        or after.barred(today)
        or before.public_key not in (after.public_key, after.next_key)
    ):
        return before.forwards
    kept = {(forward.port, forward.public) for forward in after.forwards}
    kept |= {(forward.port, False) for forward in after.forwards}
    return tuple(
        forward for forward in before.forwards if (forward.port, forward.public) not in kept
    )
