"""What an admin may change of a node, as values: the node after it, what differs, and which ports must be let go. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from checker.model import Forward, InvalidValue, Node, NodeName, Port


def renamed(node: Node, name: NodeName) -> Node:
    """The same under another name."""
    return replace(node, name=name, forwards=tuple(replace(forward, node=name) for forward in node.forwards))


def rekeyed(node: Node, key: str, *, now: bool) -> Node:
    """With another key: at once, or beside the present one until it was used. Raises InvalidValue."""
    if key == node.public_key:
        raise InvalidValue(f"node {node.name} has that key already; give it another")
    return replace(node, public_key=key, next_key=None) if now else replace(node, next_key=key)


def with_new_key_alone(node: Node) -> Node:
    """After the new key was used: it is the only one."""
    return node if node.next_key is None else replace(node, public_key=node.next_key, next_key=None)


def with_rights_since(before: Node | None, after: Node, now: int) -> Node:
    """The node after a change at `now` (Unix seconds), which remembers when its rights became others at once.

    A new key that waits for its first use is none of these: until the node claims with it, its connection of now goes on.
    """
    if before is None:
        return after
    another_key = after.public_key not in (before.public_key, before.next_key)
    new_ports = {forward.port for forward in after.forwards} - {forward.port for forward in before.forwards}
    again = after.enabled and not before.enabled
    open_before = {forward.port for forward in before.forwards if forward.public}
    closed = open_before.intersection(forward.port for forward in after.forwards if not forward.public)
    return replace(after, key_since=now) if another_key or new_ports or again or closed else after


def forward_at(node: Node, port: Port | None) -> Forward:
    """The forward on that port, or the only one. Raises InvalidValue."""
    found = [forward for forward in node.forwards if port in (None, forward.port)]
    if len(found) == 1:
        return found[0]
    ports = ", ".join(str(forward.port) for forward in node.forwards) or "none"
    if port is None:
        raise InvalidValue(f"which forward of node {node.name}? Name its gateway port; there are: {ports}")
    raise InvalidValue(f"node {node.name} has no port {port}; there are: {ports}")


def with_forward(node: Node, old: Forward, new: Forward) -> Node:
    """With one forward in the place of another."""
    return replace(node, forwards=tuple(new if forward == old else forward for forward in node.forwards))


def describe(before: Node, after: Node) -> tuple[tuple[Port | None, str], ...]:
    """What differs, a clause each, with the port that it is about; nothing where nothing does."""
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
        yield "the new key was used, and is the only one now" if after.public_key == before.next_key else "its key was replaced"
    if after.next_key not in (None, before.next_key):
        yield "a new key waits for its first use; the present one stays until then"
    if before.next_key not in (None, *after.public_keys):
        yield "the key that waited is withdrawn"


def forward_clauses(before: Node, after: Node) -> Iterator[tuple[Port, str]]:
    """Forwards are compared in their order; what is left over was added or removed."""
    for old, new in zip(before.forwards, after.forwards, strict=False):
        if old.port != new.port:
            yield new.port, f"moved from port {old.port} to {new.port}"
        if old.target != new.target:
            yield new.port, f"target {old.target} -> {new.target}"
        if old.expect != new.expect:
            yield new.port, f"expect {old.expect} -> {new.expect}"
        if old.deadline_s != new.deadline_s:
            yield new.port, f"deadline {deadline(old)} -> {deadline(new)}"
        if old.public != new.public:
            yield new.port, "public: on all addresses" if new.public else "no longer public: on loopback alone"
        if old.published != new.published:
            yield new.port, f"published as {', '.join(map(str, new.published)) or 'nothing'}"
    common = min(len(before.forwards), len(after.forwards))
    yield from ((old.port, "forward removed") for old in before.forwards[common:])
    yield from ((new.port, f"forward to {new.target} added") for new in after.forwards[common:])


def deadline(forward: Forward) -> str:
    return "default" if forward.deadline_s is None else f"{forward.deadline_s:g} s"


def let_go(before: Node, after: Node | None, today: str) -> tuple[Forward, ...]:
    """The forwards that a live tunnel of the node may carry no longer, on this day."""
    if after is None or after.barred(today) or before.public_key not in (after.public_key, after.next_key):
        return before.forwards
    kept = {(forward.port, forward.public) for forward in after.forwards}
    kept |= {(forward.port, False) for forward in after.forwards}
    return tuple(forward for forward in before.forwards if (forward.port, forward.public) not in kept)
