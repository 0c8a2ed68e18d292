"""A node as one row of values, for the files that have many nodes. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from checker.model import (
    Expect,
    ExpectKind,
    Forward,
    Node,
    NodeName,
    Port,
    Publication,
    Target,
)


@lru_cache(4096)
def target_of(host: str, port: int) -> Target:
    """Return one object for all forwards with this target: most have it in common."""
    return Target(host=host, port=Port(port))


@lru_cache(4096)
def expect_of(kind: str, text: str, send: str) -> Expect:
    """Return one object for all forwards that expect this."""
    return Expect(kind=ExpectKind(kind), text=text, send=send)


def node_list(node: Node) -> list[Any]:
    """Return a node as the copy stores it; the inverse of node_from_row."""
    return [
        node.name,
        node.public_key,
        node.next_key,
        node.added_at,
        node.key_since,
        node.enabled,
        node.expires,
        node.next_key_at,
        [forward_list(forward) for forward in node.forwards],
        node.calls_itself,
        # an older release reads only rows without these
        *about_node(node),
    ]


def about_node(node: Node) -> tuple[Any, ...]:
    """Return what later releases added to a row, as far as the node has any of it."""
    if node.probe_beating_every_s is not None:
        return (node.tags, node.note, node.probe_beating_every_s)
    return (node.tags, node.note) if node.tags or node.note else ()


def forward_list(forward: Forward) -> list[Any]:
    """Return a forward as the copy stores it, without its node's name."""
    return [
        forward.port,
        forward.target.host,
        forward.target.port,
        forward.expect.kind.value,
        forward.expect.text,
        forward.expect.send,
        forward.deadline_s,
        forward.public,
        [[each.port, each.sni, each.send_proxy] for each in forward.published],
        forward.next_port,
        forward.next_port_at,
        # an older release reads only rows without these
        *later_values(forward),
    ]


def later_values(forward: Forward) -> tuple[Any, ...]:
    """Return what later releases added to a row, as far as the forward has any of it."""
    if forward.host_key:
        return (forward.port_at, forward.leaves_at, forward.host_key)
    return (forward.port_at, forward.leaves_at) if forward.port_at or forward.leaves_at else ()


def node_from_row(row: Any) -> Node:
    """Return a node from the copy, or from a record of an earlier release, which ends before
    `calls_itself` or the tags. Raises ValueError, TypeError if we did not write it.
    """
    name, public_key, next_key, added_at, key_since, enabled, expires, next_key_at, *rest = row
    forwards, *more = rest
    calls_itself, *labels = more or [""]
    tags, note, every_s = with_all_labels(labels)
    return Node(
        name=NodeName(name),
        public_key=public_key,
        next_key=next_key,
        added_at=added_at,
        key_since=key_since,
        enabled=enabled,
        expires=expires,
        next_key_at=next_key_at,
        calls_itself=calls_itself,
        tags=tuple(tags),
        note=note,
        probe_beating_every_s=every_s,
        forwards=tuple(forward_from_row(NodeName(name), forward) for forward in forwards),
    )


def with_all_labels(labels: list[Any]) -> tuple[Any, ...]:
    """Return the values of `about_node`, also of a row that has fewer."""
    return (*labels, *((), "", None)[len(labels) :])


def with_defaults(later: list[Any]) -> tuple[Any, ...]:
    """Return the values of `later_values`, also of a row that has fewer."""
    return (*later, *(0, 0, "")[len(later) :])


def forward_from_row(node: NodeName, row: Any) -> Forward:
    """Return a forward from the copy. Raises ValueError, TypeError if we did not write it."""
    (
        port,
        host,
        target_port,
        kind,
        text,
        send,
        deadline_s,
        public,
        published,
        next_port,
        next_port_at,
        *later,
    ) = row
    port_at, leaves_at, host_key = with_defaults(later)
    return Forward(
        node=node,
        port=Port(port),
        target=target_of(host, target_port),
        expect=expect_of(kind, text, send),
        deadline_s=deadline_s,
        public=public,
        next_port=None if next_port is None else Port(next_port),
        next_port_at=next_port_at,
        port_at=port_at,
        leaves_at=leaves_at,
        host_key=host_key,
        published=tuple(
            Publication(port=Port(each[0]), sni=each[1], send_proxy=each[2]) for each in published
        ),
    )
